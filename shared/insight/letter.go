package insight

import (
	"context"
	"time"
	"unicode/utf8"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/boot"
)

// Letter is a dead letter as it is shown.
type Letter struct {
	ID        string    `json:"id"` // in the dead-letter queue
	Since     time.Time `json:"since"`
	FirstSeen time.Time `json:"firstSeen,omitzero"`
	Attempts  int       `json:"attempts"`
	Reason    string    `json:"reason"`
	Ref       string    `json:"ref,omitempty"`
	Body      string    `json:"body"`
	Base64    []byte    `json:"bodyBase64,omitempty"` // instead of body, when it is no text
	Action    string    `json:"action,omitempty"`
}

// LetterOf shows a dead letter.
func LetterOf(l deliver.DeadLetter) Letter {
	s := Letter{ID: l.Taken.ID, Since: l.Taken.Enqueued, FirstSeen: l.FirstSeen, Attempts: l.Attempts, Reason: l.Reason, Ref: l.Ref}
	if utf8.Valid(l.Body) {
		s.Body = string(l.Body)
	} else {
		s.Base64 = l.Body
	}
	return s
}

// DeadLetters are those of an environment, which has a dead-letter queue. Progress is told
// how many were done, and when that ends; nil: nobody is.
func DeadLetters(app *boot.App, progress func(of string) (tell func(int), end func())) deliver.DeadLetters {
	if progress == nil {
		progress = func(string) (func(int), func()) { return func(int) {}, func() {} }
	}
	all := deliver.DeadLetters{Queue: app.Queue, Name: app.DeadLetterQueue, Progress: progress}
	if app.State != nil { // a nil *State in an interface would not be nil
		all.Objects = app.State
	}
	return all
}

// Queues is what waits in each queue. What cannot be asked is said in its place.
func Queues(ctx context.Context, app *boot.App) []QueueFacts {
	var s Overview
	s.ofQueues(ctx, app)
	return s.Queues
}
