package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/act/deliver"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/video"
)

type answer = deliver.Report

// wake is the message that says that bulk changes wait.
const wake = `{"v":1,"bulk":true}`

// outbox keeps what is sent, by queue.
type outbox map[string][]video.Message

func (o outbox) Send(_ context.Context, queue string, messages []video.Message) ([]video.Sent, error) {
	o[queue] = append(o[queue], messages...)
	return make([]video.Sent, len(messages)), nil
}

// rig is the function over a library and a STATE of the test's.
type rig struct {
	handler
	sent outbox
}

func newRig(t *testing.T, c edit.Config) rig {
	t.Helper()
	editor, err := edit.New(c)
	require.NoError(t, err)
	r := rig{sent: outbox{}}
	r.handler = handler{deliver.Job{Editor: editor, Out: r.sent, Queue: "metadata", Dead: "dead", Log: slog.New(slog.DiscardHandler)}}
	if c.State != nil {
		r.job.Objects = c.State
	}
	return r
}

func (r rig) run(t *testing.T, raw []byte) answer {
	t.Helper()
	got, err := r.handle(t.Context(), raw)
	require.NoError(t, err)
	return got.(answer)
}

// message is one that changes titles; batch is what EventBridge makes of several.
func message(ids ...string) string {
	var changes []string
	for _, id := range ids {
		changes = append(changes, fmt.Sprintf(`{"id":%q,"set":{"title":"new"},"issuedAt":"2026-11-01T08:00:00Z"}`, id))
	}
	return `{"v":1,"changes":[` + strings.Join(changes, ",") + `]}`
}

func batch(t *testing.T, bodies ...string) []byte {
	t.Helper()
	var all []any
	for i, body := range bodies {
		all = append(all, map[string]any{
			"id": fmt.Sprint(i), "source": "MNS-metadata-messages", "specversion": "1.0", "type": "mns:Queue:SendMessage",
			"time": "2026-11-01T09:00:00Z", "data": map[string]any{"requestId": "R", "messageId": fmt.Sprintf("M%d", i), "messageBody": body},
		})
	}
	raw, err := json.Marshal(all)
	require.NoError(t, err)
	return raw
}

// 130 bytes stopped the stream for good.
func TestAMessageThatMadeTheFunctionPanicStopsNobody(t *testing.T) {
	for _, moment := range []string{"ifUnmodifiedSince", "issuedAt"} {
		poison := `{"v":1,"changes":[{"id":"v0","set":{"title":"x"},"` + moment + `":"9999-12-31T23:30:00-01:00"}]}`
		r := newRig(t, edit.Config{Library: shelf{}})
		a := r.run(t, batch(t, message("v1"), poison, message("v2")))
		require.Equal(t, map[video.Result]int{video.Done: 2, video.Rejected: 1}, a.Outcomes)
		dead, err := events.DecodeDeadLetter(r.sent["dead"][0].Body)
		require.NoError(t, err)
		require.Equal(t, poison, string(dead.Body))
	}
}
