package video

import "time"

// The nouns of a message queue. They stand here so that a job can name what it needs of a
// queue without the client of one.

// Message is a message to send.
type Message struct {
	Body     []byte
	Delay    time.Duration // hidden for so long; rounded up to seconds
	Priority int           // 1 first … 16 last; 0 means 8
}

// Sent says what came of one message.
type Sent struct {
	ID  string
	Err error // wraps a kind of this package
}

// Received is a message that was taken or looked at. Handle and NextVisible are
// empty for one that was only looked at.
type Received struct {
	ID          string
	Handle      string // to delete it or hide it longer, until NextVisible
	Body        []byte
	Enqueued    time.Time
	NextVisible time.Time
	Dequeued    int // how often it was taken, this time included
}

// QueueStats are approximate counts. MNS is about to stop giving them: all zero may
// mean that it did.
type QueueStats struct {
	Active   int64 // waiting
	Inactive int64 // taken and not deleted
	Delayed  int64 // not to be seen yet
}
