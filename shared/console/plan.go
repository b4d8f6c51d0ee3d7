package console

func (s *Server) planArea() area { return area{} }
