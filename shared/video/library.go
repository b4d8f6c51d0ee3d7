package video

import "time"

// Category is one node of the library's tree of categories.
type Category struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Parent int64  `json:"parent"` // -1: at the top
	Level  int    `json:"level"`  // 0: at the top
}

// Snapshot is one picture that the provider took out of a video.
type Snapshot struct {
	Index int64  `json:"index"`
	URL   string `json:"url"`
}

// Label is something that the provider's smart tagging saw or heard in a video.
type Label struct {
	Kind string          `json:"kind"` // category, person, time, location, keyword
	Text string          `json:"text"`
	At   []time.Duration `json:"at,omitempty"` // where in the video, if it was said
}
