package boot

import "vodcurator/shared/video"

// The queue's nouns, under names that a function may use: it declares its own
// interface over them, and *queue.Client fits.
type (
	// Message is one message to be sent.
	Message = video.Message
	// Sent is what came of sending one message.
	Sent = video.Sent
	// Received is one message that was taken and must be deleted.
	Received = video.Received
)
