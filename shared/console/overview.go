package console

import "net/http"

func (s *Server) overviewArea() area {
	return area{pages: map[string]page{"overview": {"/{$}", "Overview", s.overview}}}
}

// overview is the first page.
func (s *Server) overview(r *http.Request) (any, error) {
	at, err := s.now(r.Context())
	return map[string]any{"At": at}, err
}
