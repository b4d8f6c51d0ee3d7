package deliver_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/act/deliver"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/decide/editing"
	"vodcurator/shared/state"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

// edits answers for each media as it is told and remembers what it was asked.
type edits struct {
	results map[video.ID]error // nil: done
	err     error
	asked   []video.Change
	retags  []edit.Retag
	runs    int
}

func (e *edits) Do(_ context.Context, _ string, items []edit.Item) ([]edit.Result, error) {
	e.runs++
	results := make([]edit.Result, len(items))
	for i, item := range items {
		c := item.Change
		if item.Retag != nil {
			c.ID = item.Retag.ID
			e.retags = append(e.retags, *item.Retag)
		} else {
			e.asked = append(e.asked, c)
		}
		err := c.Check()
		if err == nil {
			err = e.results[c.ID]
		}
		results[i].Outcome = video.Outcome{ID: c.ID, Result: video.ResultOf(err), Err: err}
		if err != nil {
			results[i].Reason = err.Error()
		}
	}
	return results, e.err
}

// queues keep what is sent to them, by name, and the order of the calls.
type queues struct {
	sent  map[string][]video.Message
	calls []string
	err   map[string]error
}

func (q *queues) Send(_ context.Context, queue string, messages []video.Message) ([]video.Sent, error) {
	q.calls = append(q.calls, queue)
	if err := q.err[queue]; err != nil {
		return nil, err
	}
	q.sent[queue] = append(q.sent[queue], messages...)
	return make([]video.Sent, len(messages)), nil
}

func read(t *testing.T, o state.Objects, key string) []byte {
	t.Helper()
	body, err := o.Read(t.Context(), key)
	require.NoError(t, err)
	return body
}

type rig struct {
	deliver.Job
	edits  *edits
	queues *queues
}

func newRig() rig {
	e, q := &edits{results: map[video.ID]error{}}, &queues{sent: map[string][]video.Message{}, err: map[string]error{}}
	return rig{deliver.Job{Editor: e, Out: q, Queue: "metadata", Dead: "dead", Log: slog.New(slog.DiscardHandler)}, e, q}
}

func (r rig) run(t *testing.T, raw []byte) deliver.Report {
	t.Helper()
	got, err := r.Handle(t.Context(), "", raw)
	require.NoError(t, err)
	return got
}

func (r rig) deadLetters(t *testing.T) []events.DeadLetter {
	t.Helper()
	var all []events.DeadLetter
	for _, m := range r.queues.sent["dead"] {
		l, err := events.DecodeDeadLetter(m.Body)
		require.NoError(t, err)
		all = append(all, l)
	}
	return all
}

func (r rig) sentBack(t *testing.T) []events.Metadata {
	t.Helper()
	var all []events.Metadata
	for _, m := range r.queues.sent["metadata"] {
		meta, err := events.DecodeMetadata(m.Body)
		require.NoError(t, err)
		all = append(all, meta)
	}
	return all
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

func TestEveryMessageHasItsOwnEnd(t *testing.T) {
	r := newRig()
	maps.Copy(r.edits.results, map[video.ID]error{
		"throttled": video.ErrThrottled, "unknown": video.ErrUnknownOutcome, "late": video.ErrDeferred,
		"gone": video.ErrNotFound, "not-ours": video.ErrForbidden,
	})
	a := r.run(t, batch(t, message("good"), "no JSON", message("throttled"), message("unknown"), message("late"),
		message("gone"), message("not-ours"), message("a,b"), message("good2")))
	require.Positive(t, a.Later, "when the last of what was sent back can be seen")
	a.Later = 0
	require.Equal(t, deliver.Report{
		Messages: 9, Changes: 8, Media: 8, SentBack: 3, DeadLetters: 4,
		Outcomes: map[video.Result]int{
			video.Done: 2, video.Failed: 1, video.Unknown: 1, video.Deferred: 1, video.Missing: 1, video.Forbidden: 1, video.Rejected: 2,
		},
	}, a)
	var back []video.ID
	for _, m := range r.sentBack(t) {
		back = append(back, m.Changes[0].ID)
	}
	require.Equal(t, []video.ID{"throttled", "unknown", "late"}, back)
	var dead []string
	for _, l := range r.deadLetters(t) {
		dead = append(dead, string(l.Body))
		require.NotEmpty(t, l.Reason)
	}
	require.Equal(t, []string{"no JSON", message("gone"), message("not-ours"), message("a,b")}, dead, "as they came, byte for byte")
}

// A message was deleted before the dead-letter send had succeeded
// (aws-powertools/powertools-lambda-java#729).
func TestNothingIsAcknowledgedBeforeItsDeadLetterIsSent(t *testing.T) {
	for _, out := range []string{"dead", "metadata"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			r.edits.results["late"] = video.ErrThrottled
			r.queues.err[out] = video.ErrTransient
			_, err := r.Handle(t.Context(), "", batch(t, message("good"), "no JSON", message("late")))
			require.ErrorIs(t, err, video.ErrTransient, "the platform keeps the batch")
			require.Equal(t, "dead", r.queues.calls[0], "dead letters go first")
		})
	}
}

// hiccups is a queue whose client sends 16 messages a call and ends at the first call
// that fails; fault says what becomes of a call, and whether it took effect all the same.
type hiccups struct {
	queues
	fault func(call int) (err error, effect bool)
	n     int
}

func (q *hiccups) Send(ctx context.Context, queue string, messages []video.Message) ([]video.Sent, error) {
	sent := make([]video.Sent, len(messages))
	var err error
	for from := 0; from < len(messages); from += 16 {
		to := min(from+16, len(messages))
		effect := false
		if err == nil {
			q.n++
			err, effect = q.fault(q.n)
			for i := range sent[from:to] {
				sent[from+i].Err = err
			}
		} else {
			for i := range sent[from:to] {
				sent[from+i].Err = video.ErrDeferred
			}
		}
		if effect {
			if _, err := q.queues.Send(ctx, queue, messages[from:to]); err != nil {
				return nil, err
			}
		}
	}
	return sent, err
}

// One batch, of which every call fails once or more, while 160 messages go back.
func TestAHiccupWhileSendingBackMultipliesNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		fault func(call int) (error, bool)
		most  int // copies of one message
		err   error
		least int // distinct messages in the queue
	}{
		"every other call": {func(call int) (error, bool) {
			if call%2 == 1 {
				return video.ErrTransient, false
			}
			return nil, true
		}, 1, nil, 160},
		"a call whose deliver.Report is lost": {func(call int) (error, bool) {
			if call == 3 {
				return video.ErrUnknownOutcome, true
			}
			return nil, true
		}, 2, nil, 160},
		"out of reach from the fifth call on": {func(call int) (error, bool) {
			if call >= 5 {
				return video.ErrTransient, false
			}
			return nil, true
		}, 1, video.ErrTransient, 64},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig()
				q := &hiccups{queues: *r.queues, fault: tc.fault}
				r.Out = q
				var bodies []string
				for i := range 160 {
					id := fmt.Sprint("v", i)
					bodies = append(bodies, message(id))
					r.edits.results[video.ID(id)] = video.ErrThrottled
				}
				_, err := r.Handle(t.Context(), "", batch(t, bodies...))
				require.ErrorIs(t, err, tc.err)
				copies := map[string]int{}
				for _, m := range q.sent["metadata"] {
					copies[string(m.Body)]++
				}
				require.Len(t, copies, tc.least)
				for _, n := range copies {
					require.LessOrEqual(t, n, tc.most)
				}
			})
		})
	}
}

func TestSendingEndsWithTheTimeThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.queues.err["dead"] = video.ErrTransient
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := r.Handle(ctx, "", batch(t, "no JSON"))
		require.ErrorIs(t, err, video.ErrTransient)
		require.Equal(t, 300*time.Millisecond, time.Since(start))
	})
}

func TestOneBadMessageNeverRunsItsNeighboursAgain(t *testing.T) {
	r := newRig()
	a := r.run(t, batch(t, message("v1"), `{"v":1,"changes":[{"id":"v2","sett":{}}]}`, message("v3")))
	require.Equal(t, 1, a.DeadLetters)
	require.Empty(t, r.queues.sent["metadata"])
	require.Contains(t, r.deadLetters(t)[0].Reason, "sett")
	require.Len(t, r.edits.asked, 2)
}

// Retry ran inside poison handling in the wrong order (ThreeDotsLabs/watermill#580).
func TestAttemptsAreCountedOnceAndThenItIsADeadLetter(t *testing.T) {
	r := newRig()
	r.edits.results["v1"] = video.ErrThrottled
	original := " " + message("v1") + "\n"
	body, delays := original, []time.Duration{}
	for attempt := 1; len(r.queues.sent["dead"]) == 0; attempt++ {
		require.LessOrEqual(t, attempt, deliver.MaxAttempts)
		r.queues.sent["metadata"] = nil
		r.run(t, batch(t, body))
		if back := r.sentBack(t); len(back) > 0 {
			require.Equal(t, attempt, back[0].Attempts)
			require.Equal(t, "2026-11-01T09:00:00Z", back[0].FirstSeen.Format(time.RFC3339))
			require.Contains(t, back[0].Reason, "throttled")
			body = string(r.queues.sent["metadata"][0].Body)
			delays = append(delays, r.queues.sent["metadata"][0].Delay)
		}
	}
	require.Len(t, delays, deliver.MaxAttempts-1)
	require.Empty(t, r.queues.sent["metadata"])
	var sum time.Duration
	for i, d := range delays {
		least := min(deliver.FirstDelay<<i, deliver.MaxDelay)
		sum += least
		require.GreaterOrEqual(t, d, least)
		require.LessOrEqual(t, d, least*5/4)
	}
	require.Greater(t, sum, time.Hour)
	l := r.deadLetters(t)[0]
	require.Contains(t, l.Reason, fmt.Sprintf("given up after %d attempts", deliver.MaxAttempts))
	require.Equal(t, original, string(l.Body), "as its sender sent it")
}

// The first message is the one that its sender knows.
func TestAChangeWithoutASourceCameInItsMessage(t *testing.T) {
	r := newRig()
	r.edits.results["v1"] = video.ErrThrottled
	r.run(t, batch(t, message("v1")))
	back := r.sentBack(t)[0]
	require.Regexp(t, "^message .+", back.Changes[0].Source)
	r.queues.sent["metadata"] = nil
	body, err := events.EncodeMetadata(back)
	require.NoError(t, err)
	r.run(t, batch(t, "{}", string(body)))
	require.Equal(t, back.Changes[0].Source, r.sentBack(t)[0].Changes[0].Source)
	r.queues.sent["metadata"] = nil
	back.Changes[0].Asked = video.Asked{By: "anna", Source: "a.csv line 2"}
	body, err = events.EncodeMetadata(back)
	require.NoError(t, err)
	r.run(t, batch(t, string(body)))
	require.Equal(t, back.Changes[0].Asked, r.sentBack(t)[0].Changes[0].Asked)
}

func TestTheBodyAsItWasSentGoesRound(t *testing.T) {
	content := `[{"VideoId":"v1","Description":"` + strings.Repeat("x", 800) + `"}` + strings.Repeat(`,{"VideoId":"v1","Title":"x"}`, 800) + `]`
	for name, tc := range map[string]struct {
		original string
		state    bool
		kept     int  // objects after one round
		whole    bool // the dead letter has it byte for byte
	}{
		"small, without STATE": {`[ {"VideoId":"v1","Title":"x"} ]`, false, 0, true},
		"small, with STATE":    {`[ {"VideoId":"v1","Title":"x"} ]`, true, 0, true},
		"large, without STATE": {content, false, 0, false},
		"large, with STATE":    {content, true, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			r, kept := newRig(), &statetest.Memory{}
			if tc.state {
				r.Objects = kept
			}
			r.edits.results["v1"] = video.ErrThrottled
			r.run(t, batch(t, tc.original))
			require.Len(t, kept.Keys(), tc.kept)
			asked := r.edits.asked
			for _, result := range []error{video.ErrThrottled, video.ErrDeferred, video.ErrNotFound} {
				r.edits.asked, r.edits.results["v1"] = nil, result
				back := r.queues.sent["metadata"]
				r.queues.sent["metadata"] = nil
				var bodies []string
				for _, m := range back {
					require.LessOrEqual(t, len(m.Body), events.MaxMessage)
					bodies = append(bodies, string(m.Body))
				}
				r.run(t, batch(t, bodies...))
				require.Equal(t, asked, r.edits.asked)
			}
			for _, l := range r.deadLetters(t) {
				require.Equal(t, 3, l.Attempts, "what was not tried is none")
				body := l.Body
				if l.Ref != "" {
					body = read(t, kept, l.Ref)
				}
				require.Equal(t, tc.whole, tc.original == string(body))
			}
		})
	}
}

func TestWhatWasNotTriedGoesBackAsItWas(t *testing.T) {
	r := newRig()
	r.edits.results["v1"] = video.ErrDeferred
	r.run(t, batch(t, message("v1")))
	require.Zero(t, r.sentBack(t)[0].Attempts)
	require.Zero(t, r.queues.sent["metadata"][0].Delay)

	t.Run("on its fifth round", func(t *testing.T) {
		before := r.sentBack(t)[0]
		before.Attempts, before.Reason = 4, "v1: failed: throttled"
		body, err := events.EncodeMetadata(before)
		require.NoError(t, err)
		r.queues.sent["metadata"] = nil
		r.run(t, batch(t, string(body)))
		require.Equal(t, string(body), string(r.queues.sent["metadata"][0].Body))
		require.Zero(t, r.queues.sent["metadata"][0].Delay, "it has waited already")
	})
}

func TestOnlyTheOpenChangesOfAMessageGoBack(t *testing.T) {
	r := newRig()
	maps.Copy(r.edits.results, map[video.ID]error{"v2": video.ErrThrottled, "v3": video.ErrNotFound})
	a := r.run(t, batch(t, message("v1", "v2", "v3")))
	require.Equal(t, 1, a.SentBack)
	require.Equal(t, 1, a.DeadLetters)
	back := r.sentBack(t)[0]
	require.Len(t, back.Changes, 1)
	require.Equal(t, video.ID("v2"), back.Changes[0].ID)
	require.Contains(t, r.deadLetters(t)[0].Reason, "v3: missing")
	require.NotContains(t, r.deadLetters(t)[0].Reason, "v2")
}

func TestEveryFormOfIntakeBringsTheSameChange(t *testing.T) {
	body := message("v1")
	quoted, err := json.Marshal(body)
	require.NoError(t, err)
	one := batch(t, body)
	var objects []json.RawMessage
	require.NoError(t, json.Unmarshal(one, &objects))
	asText, err := json.Marshal([]string{string(objects[0])})
	require.NoError(t, err)
	for name, raw := range map[string][]byte{
		"batch of objects":     one,
		"batch of strings":     asText,
		"a single event":       objects[0],
		"base64":               batch(t, base64.StdEncoding.EncodeToString([]byte(body))),
		"topic, JSON":          fmt.Appendf(nil, `{"TopicOwner":"1","TopicName":"t","MessageId":"M","PublishTime":"1793520000000","Message":%s}`, quoted),
		"topic, SIMPLIFIED":    []byte(body),
		"topic, STREAM":        fmt.Appendf(nil, `{"body":%s,"attrs":{"Extend":"{}"}}`, quoted),
		"directly, as content": []byte(`[{"VideoId":"v1","Title":"new"}]`),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			a := r.run(t, raw)
			require.Equal(t, map[video.Result]int{video.Done: 1}, a.Outcomes)
			require.Equal(t, video.ID("v1"), r.edits.asked[0].ID)
			require.Equal(t, "new", *r.edits.asked[0].Set.Title)
			require.False(t, r.edits.asked[0].IssuedAt.IsZero())
		})
	}
}

func TestAChangeWithoutAMomentOfIssueKeepsItsFirstOne(t *testing.T) {
	r := newRig()
	r.edits.results["v1"] = video.ErrThrottled
	r.run(t, batch(t, `[{"VideoId":"v1","Title":"new"}]`))
	require.Equal(t, "2026-11-01T09:00:00Z", r.edits.asked[0].IssuedAt.Format(time.RFC3339), "when it was sent")
	r.run(t, batch(t, string(r.queues.sent["metadata"][0].Body)))
	require.Equal(t, r.edits.asked[0].IssuedAt, r.edits.asked[1].IssuedAt)

	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.run(t, []byte(`[{"VideoId":"v1","Title":"new"}]`))
		require.Equal(t, time.Now().UTC(), r.edits.asked[0].IssuedAt, "nobody says when")
	})
}

func TestOfTwoChangesInOneMessageTheLaterOneWins(t *testing.T) {
	for _, body := range []string{
		`[{"VideoId":"v1","Title":"first"},{"VideoId":"v1","Title":"second"},{"VideoId":"v1","Title":"third"}]`,
		`[{"VideoId":"v1","Title":"3"},{"VideoId":"v1","Title":"2"},{"VideoId":"v1","Title":"third"}]`,
	} {
		r := newRig()
		r.edits.results["v1"] = video.ErrThrottled
		r.run(t, batch(t, body))
		slices.Reverse(r.edits.asked) // whatever the order of arrival
		folded, _ := editing.Fold(r.edits.asked, func(editing.Key) editing.Known { return editing.Known{} })
		require.Equal(t, "third", *folded[0].Update.Title)

		first := slices.Clone(r.edits.asked)
		slices.Reverse(first)
		r.edits.asked = nil
		r.run(t, batch(t, body))
		r.run(t, batch(t, string(r.queues.sent["metadata"][0].Body)))
		require.Equal(t, append(first, first...), r.edits.asked, "delivered again, and sent back")
	}
}

func TestWhatClaimsToBeOfTheFutureIsRefusedAlone(t *testing.T) {
	change := func(id, at string) string {
		return fmt.Sprintf(`{"v":1,"changes":[{"id":%q,"set":{"title":"x"},"issuedAt":%q}]}`, id, at)
	}
	two := `{"v":1,"changes":[{"id":"late","set":{"title":"x"},"issuedAt":"9999-12-31T23:59:59-08:00"},{"id":"now","set":{"title":"x"}}]}`
	first := `{"v":1,"changes":[{"id":"v3","set":{"title":"x"}}],"firstSeen":"2026-11-03T00:00:00Z"}`
	r := newRig()
	a := r.run(t, batch(t, change("v1", "2026-11-02T09:00:00Z"), change("v2", "2026-11-02T17:00:01+08:00"), two, first))
	require.Equal(t, map[video.Result]int{video.Done: 2, video.Rejected: 3}, a.Outcomes)
	require.Equal(t, 5, a.Changes)
	var asked []video.ID
	for _, c := range r.edits.asked {
		asked = append(asked, c.ID)
	}
	require.Equal(t, []video.ID{"v1", "now"}, asked, "a day ahead is the most; its neighbours are carried out")
	deliveries := r.deadLetters(t)
	require.Len(t, deliveries, 3)
	require.Equal(t, "v2: rejected: invalid: issuedAt: 2026-11-02T09:00:01Z, at most 2026-11-02T09:00:00Z: a day after the message came", deliveries[0].Reason)
	require.Equal(t, two, string(deliveries[1].Body))
	require.Contains(t, deliveries[1].Reason, "late: rejected")
	require.Contains(t, deliveries[2].Reason, "2026-11-03")
}

// A year that JSON cannot hold made the batch fail when it was written again.
func TestATimeThatCannotBeWrittenAgainBlocksNobody(t *testing.T) {
	r := newRig()
	r.edits.results["v1"] = video.ErrThrottled
	raw := strings.ReplaceAll(string(batch(t, `[{"VideoId":"v1","Title":"x"}]`)), "2026-11-01T09:00:00Z", "9999-12-31T23:59:59-08:00")
	a := r.run(t, []byte(raw))
	require.Equal(t, 1, a.SentBack)
	require.Zero(t, a.DeadLetters)
}

func TestATitleCutInAnEmojiIsNamed(t *testing.T) {
	body := "{\"v\":1,\"changes\":[{\"id\":\"v1\",\"set\":{\"title\":\"a\xf0\x9f\"}}]}"
	r := newRig()
	r.run(t, batch(t, base64.StdEncoding.EncodeToString([]byte(body)), message("v2")))
	require.Len(t, r.edits.asked, 1)
	l := r.deadLetters(t)[0]
	require.Contains(t, l.Reason, `changes[0].set.title: "a\xf0\x9f" is not UTF-8`)
	require.Equal(t, body, string(l.Body))
}

func TestOtherTriggersAreRefused(t *testing.T) {
	for _, raw := range []string{
		"", `{"triggerTime":"2026-11-01T08:00:00Z","triggerName":"t","payload":""}`,
		`{"version":"v1","rawPath":"/","requestContext":{"http":{"method":"POST"}},"body":"x"}`,
	} {
		r := newRig()
		_, err := r.Handle(t.Context(), "", []byte(raw))
		require.ErrorIs(t, err, events.ErrMalformed)
		require.Empty(t, r.edits.asked)
	}
}

func TestAnEditorWithoutItsJournalEndsNoMessage(t *testing.T) {
	r := newRig()
	r.edits.err = errors.New("no space left")
	a := r.run(t, batch(t, "no JSON", message("v1")))
	require.Equal(t, 2, a.SentBack)
	require.Equal(t, []string{"metadata"}, r.queues.calls, "no dead letter is sent that the next try would send again")
	require.Len(t, r.queues.sent["metadata"], 2)
}

func TestWhatFitsNoQueueGoesThroughState(t *testing.T) {
	big := `{"v":1,"changes":[{"id":"v1","bad":"` + strings.Repeat("x", 48<<10) + `"}]}`
	r := newRig()
	a := r.run(t, batch(t, big, message("v1")))
	require.Equal(t, map[video.Result]int{video.Done: 1, video.Rejected: 1}, a.Outcomes, "without STATE its neighbour is no worse off")
	cut := r.deadLetters(t)[0]
	require.Contains(t, cut.Reason, fmt.Sprintf("its %d bytes fit no queue, and there is no STATE: this is their beginning", len(big)))
	require.True(t, strings.HasPrefix(big, string(cut.Body)))
	r = newRig()

	t.Run("without STATE, what fits alone goes without its reason", func(t *testing.T) {
		r := newRig()
		var log strings.Builder
		r.Log = slog.New(slog.NewTextHandler(&log, nil))
		bare := big[:events.MaxMessage]
		require.Equal(t, 1, r.run(t, batch(t, bare, message("v1"))).DeadLetters)
		require.Equal(t, bare, string(r.queues.sent["dead"][0].Body))
		require.Contains(t, log.String(), "unexpected end of JSON input")
	})

	kept := &statetest.Memory{}
	r.Objects = kept
	synctest.Test(t, func(t *testing.T) { // where no day ends meanwhile
		for range 2 { // the platform delivers twice; it is kept once
			r.run(t, batch(t, big))
		}
	})
	require.Len(t, kept.Keys(), 1)
	l := r.deadLetters(t)[0]
	require.Empty(t, l.Body)
	require.Equal(t, big, string(read(t, kept, l.Ref)))

	t.Run("a message that points there", func(t *testing.T) {
		kept.Put("messages/1", []byte(message("v1", "v2")))
		ref, err := events.EncodeMetadata(events.Metadata{Ref: "messages/1", Attempts: 3})
		require.NoError(t, err)
		r.edits.results["v2"] = video.ErrThrottled
		a := r.run(t, batch(t, string(ref)))
		require.Equal(t, map[video.Result]int{video.Done: 1, video.Failed: 1}, a.Outcomes)
		require.Equal(t, 4, r.sentBack(t)[0].Attempts)
	})
	t.Run("a message that points nowhere is a dead letter", func(t *testing.T) {
		ref, err := events.EncodeMetadata(events.Metadata{Ref: "messages/none"})
		require.NoError(t, err)
		require.Equal(t, 1, r.run(t, batch(t, string(ref))).DeadLetters)
	})
}

func TestAMessageThatHasGrownTooLongGoesBackAsSeveral(t *testing.T) {
	var ids []string
	r := newRig()
	for i := range 900 {
		ids = append(ids, fmt.Sprintf("v%04d", i))
		r.edits.results[video.ID(ids[i])] = video.ErrThrottled
	}
	r.run(t, []byte(message(ids...)))
	var back []string
	for i, m := range r.sentBack(t) {
		require.LessOrEqual(t, len(r.queues.sent["metadata"][i].Body), events.MaxMessage)
		for _, c := range m.Changes {
			back = append(back, string(c.ID))
		}
	}
	require.Equal(t, ids, back)
	require.Greater(t, len(r.queues.sent["metadata"]), 1)
}

func TestTenThousandMessagesAreOneBatch(t *testing.T) {
	r := newRig()
	a := r.run(t, batch(t, slices.Repeat([]string{message("v1")}, 10_000)...))
	require.Equal(t, map[video.Result]int{video.Done: 10_000}, a.Outcomes)
}

// brittle panics when it meets one asset, in company or alone.
type brittle struct{ edits }

func (b *brittle) Do(ctx context.Context, run string, items []edit.Item) ([]edit.Result, error) {
	for _, item := range items {
		if item.Change.ID == "poison" {
			panic("poison")
		}
	}
	return b.edits.Do(ctx, run, items)
}

func TestAPanicIsTheDeadLetterOfItsMessageAlone(t *testing.T) {
	r := newRig()
	var log strings.Builder
	r.Editor, r.Log = &brittle{edits{results: r.edits.results}}, slog.New(slog.NewTextHandler(&log, nil))
	a := r.run(t, batch(t, message("v1"), message("poison", "v2"), message("v3")))
	require.Equal(t, map[video.Result]int{video.Done: 2, video.Rejected: 2}, a.Outcomes)
	require.Empty(t, r.queues.sent["metadata"])
	deliveries := r.deadLetters(t)
	require.Len(t, deliveries, 1)
	require.Equal(t, message("poison", "v2"), string(deliveries[0].Body))
	require.Contains(t, deliveries[0].Reason, "panics: poison")
	require.Contains(t, log.String(), "deliver_test.go", "with the stack")
}

func TestRulesAreRunWhereAMessageAsksForIt(t *testing.T) {
	r := newRig()
	maps.Copy(r.edits.results, map[video.ID]error{"gone": video.ErrNotFound, "slow": video.ErrThrottled, "later": video.ErrDeferred})
	a := r.run(t, batch(t,
		`{"v":1,"origin":"rules","retag":[{"id":"v1","event":"AIVideoTagComplete"},{"id":"gone"},{"id":"slow","kind":"image"},{"id":"later","via":"live","rules":"abc"}]}`,
		`{"v":1,"origin":"rules","changes":[{"id":"v2","set":{"title":"x"}}]}`, `{"v":1,"origin":"somebody","changes":[{"id":"v3","set":{"title":"x"}}]}`,
		`{"v":1,"retag":[{"id":"a,b"}]}`,
	))
	require.Equal(t, []edit.Retag{
		{ID: "v1", Labels: true}, {ID: "gone"}, {ID: "slow", Kind: "image"}, {ID: "later", Origin: "live", Rules: "abc"}, {ID: "v2"},
	}, r.edits.retags, "what rules have decided elsewhere is decided again")
	require.Empty(t, r.edits.asked)
	back := r.sentBack(t)
	require.Len(t, back, 1)
	require.Equal(t, []events.Retag{{ID: "slow", Kind: "image"}, {ID: "later", Via: "live", Rules: "abc"}}, back[0].Retag)
	require.Equal(t, 1, back[0].Attempts)
	require.Equal(t, 5, a.Retags)
	require.Equal(t, 1, a.DeadLetters, "an unknown origin; nobody waits for an asset that is gone")
}
