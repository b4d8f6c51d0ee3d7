package console

func (s *Server) cloudArea() area { return area{} }
