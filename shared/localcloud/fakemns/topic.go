package fakemns

import "net/http"

// topic is a name that messages are published to.
type topic struct{}

func (s *Server) routeTopic(*http.Request, []string, map[string]string, []byte) (operation, bool) {
	return operation{}, false
}
