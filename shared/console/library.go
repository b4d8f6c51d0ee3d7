package console

func (s *Server) libraryArea() area { return area{} }
