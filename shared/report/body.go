package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"vodcurator/shared/video"
)

// Body makes the body of a message safe to show on several lines: JSON indented, other text
// quoted, since it may hold anything, and what is no text as bytes in hex.
func Body(body []byte) string {
	var pretty bytes.Buffer
	switch {
	case json.Indent(&pretty, body, "", "  ") == nil:
		return video.VisibleJSON(pretty.String())
	case utf8.Valid(body):
		return fmt.Sprintf("%q", body)
	}
	return fmt.Sprintf("% x", body)
}
