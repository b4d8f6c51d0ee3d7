package fakemns

import "net/http"

// topic is a name that messages are published to.
type topic struct{}

func (s *Server) routeTopic(*http.Request, []string, map[string]string, []byte) (operation, bool) {
	return operation{}, false
}

// Publish sends a message to a topic from inside the process.
func (s *Server) Publish(topic, body, tag string) (id string, err error) {
	return "", refuse(404, "TopicNotExist", "The topic name you provided is not exist.")
}
