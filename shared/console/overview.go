package console

import "net/http"

// overview is the first page.
func (s *Server) overview(r *http.Request) (any, error) {
	at, err := s.now(r.Context())
	return map[string]any{"At": at}, err
}
