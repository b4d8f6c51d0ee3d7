package boot

import (
	"vodcurator/shared/act/deliver"
	"vodcurator/shared/video"
)

// What a queue takes, under names that a function may use.
type (
	// Message is one message to be sent.
	Message = video.Message
	// Sent is what came of sending one message.
	Sent = video.Sent
)

// Sender hands changes to the metadata queue.
type Sender = deliver.Sender

// Sender is the app's own; METADATA_QUEUE must be set.
func (a *App) Sender() Sender {
	return Sender{Out: SendRight(a.Queue.Send), Queue: a.MetadataQueue, Bulk: a.BulkQueue}
}
