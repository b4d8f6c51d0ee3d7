package video

import "time"

// Query selects media of the library. The zero Query selects every video.
type Query struct {
	Kind        Kind      // empty: video
	CreatedFrom time.Time // inclusive; zero: no bound
	CreatedTo   time.Time // exclusive; zero: no bound
	Statuses    []Status  // any of them; empty: all
	Category    int64     // 0: all
	Tags        []string  // all of them, compared exactly
	Title       string    // contained in the title
	OldestFirst bool      // by creation time; default: newest first
	Parts       bool      // ask for snapshots and other costly fields too
	After       string    // Position of the last hit seen, to go on behind it
}

// Found is one hit of a search: Image for an image query, Video otherwise.
// Position resumes the same query behind this hit; it is opaque and may expire,
// which is an error and never an empty result. Odd is the fault of a hit of which
// only id and creation time could be read, for people; empty: there is none.
type Found struct {
	Video    Video
	Image    Image
	Position string
	Odd      string
}
