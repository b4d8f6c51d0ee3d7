// Command callback takes VOD's HTTP callbacks. It checks who sends them and passes them
// into the queue from which autotag takes VOD's notifications, and nothing else: it is the
// only function that strangers reach, so it has a pool of its own and no right but to send.
//
// # Why
//
// A path in autotag was turned down: here a flood takes instances and rate from nobody else,
// and what strangers reach has one right, to send to a queue.
package main

import (
	"time"

	"vodcurator/events"
	"vodcurator/shared/boot"
)

func main() {
	app := boot.Must("callback")
	boot.Serve(newHandler(app, boot.Getenv("NOTICE_QUEUE")).handle)
}

func newHandler(app *boot.App, queue string) *handler {
	h := &handler{
		gate: app.Gate(), out: boot.SendRight(app.Queue.Send), queue: queue,
		now: time.Now, log: app.Log, deadline: 4 * time.Second,
	}
	h.gate.Budget = events.NewBudget(app.CallbackWindow)
	return h
}
