package console

func (s *Server) workbenchArea() area { return area{} }
