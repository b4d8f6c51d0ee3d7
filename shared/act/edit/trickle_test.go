package edit_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/edit"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

// log is how many objects are entries of the journal, and how many are not.
func log(s *statetest.Memory) (entries, others int) {
	for _, key := range s.Keys() {
		if strings.Count(key, "/") == 1 {
			entries++
		} else {
			others++
		}
	}
	return entries, others
}

// fill makes a log that no process had the time to bring into the shards.
func fill(t *testing.T, s *statetest.Memory, entries int) {
	t.Helper()
	j := edits.NewJournal(s, nil)
	require.NoError(t, j.CatchUp(t.Context()))
	for n := 0; n < entries; n += 2 {
		text := fmt.Sprint("title ", n)
		e := edits.Entry{Run: "before", At: time.Now(), Media: []edits.EditedMedia{{ID: "v00", Set: edits.Values{Fields: video.Fields{Title: &text}}}}}
		key, err := j.Append(t.Context(), e)
		require.NoError(t, err)
		_, err = j.Append(t.Context(), edits.Entry{At: time.Now(), Settled: []edits.Settlement{{Of: key}}})
		require.NoError(t, err)
	}
}

// A trickle of single messages leaves two entries each, which people need to take them back
// until the operator has them removed; all else is bounded. So is what a message reads,
// whether the process of the one before is still there or each message starts its own.
// SOAK=1 sends 10,000.
func TestATrickleOfSingleMessagesStaysBounded(t *testing.T) {
	const assets = 60
	messages := 1_200
	if os.Getenv("SOAK") == "1" {
		messages = 10_000
	}
	for name, c := range map[string]struct {
		filled, messages, perProcess int
		most                         int // reads of one message
	}{
		// Bringing the log into the shards reads each of them.
		"one process":            {0, messages, messages, 2*assets + 10},
		"a process each":         {990, messages / 40, 1, 1_024 + 2*assets + 10},
		"a process now and then": {0, messages, 300, 512 + 2*assets + 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(epoch))
				s, l := &statetest.Memory{}, newLibrary(assets)
				fill(t, s, c.filled)
				var e *edit.Editor
				var err error
				sum := 0
				for n := range c.messages {
					if n%c.perProcess == 0 {
						e, err = edit.New(edit.Config{Library: l, State: s, Remove: s.Remove})
						require.NoError(t, err)
					}
					s.Take()
					change := title(fmt.Sprintf("v%02d", n*7%assets), 0, fmt.Sprint("title ", n))
					change.IssuedAt = time.Now()
					outcomes, err := e.Edit(t.Context(), fmt.Sprint("run", n), []video.Change{change})
					require.NoError(t, err)
					require.Equal(t, video.Done, outcomes[0].Result)
					calls := s.Take()
					read := calls.Reads + calls.Lists
					require.LessOrEqual(t, read, c.most, "message %d", n)
					sum += read
					time.Sleep(10 * time.Minute)
					if n%1000 == 999 { // a week
						keys, err := edits.Replaced(t.Context(), s, time.Now().Add(-48*time.Hour))
						require.NoError(t, err)
						for _, key := range keys {
							require.NoError(t, s.Remove(t.Context(), key))
						}
						entries, _ := log(s)
						require.LessOrEqual(t, entries, 2*(48*6+2)+1_024, "of two days, and what is not in shards yet")
					}
					if n%50 == 0 {
						_, others := log(s)
						require.LessOrEqual(t, others, 2*assets+102, "shards and indexes after message %d", n)
					}
				}
				entries, others := log(s)
				t.Logf("%d messages: %d reads each on average; %d entries and %d other objects", c.messages, sum/c.messages, entries, others)
			})
		})
	}
}
