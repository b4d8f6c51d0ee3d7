package console

func (s *Server) queueArea() area { return area{} }
