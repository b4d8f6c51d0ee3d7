package boot

import (
	"vodcurator/shared/act/deliver"
	"vodcurator/shared/video"
)

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

// Sender hands changes to the metadata queue.
type Sender = deliver.Sender

// Sender is the app's own; METADATA_QUEUE must be set.
func (a *App) Sender() Sender {
	return Sender{Out: SendRight(a.Queue.Send), Queue: a.MetadataQueue, Bulk: a.BulkQueue}
}
