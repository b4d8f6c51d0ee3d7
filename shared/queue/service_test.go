package queue_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/queue"
	"vodcurator/shared/video"
)

// service is the emulated MNS, which was written from the same documents by others
// and not from this client.
func service(t *testing.T) (*fakemns.Server, *queue.Client) {
	t.Helper()
	keys := fakeram.New(fakeram.Key{ID: "id", Secret: secret, Token: token, Account: account})
	s := fakemns.New(fakemns.Options{Keys: keys, Account: account})
	web := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); web.Close() })
	c := open(t, web.URL)
	require.NoError(t, c.Ensure(t.Context(), "q", 0))
	require.NoError(t, c.Ensure(t.Context(), "q", 0), "twice is once")
	return s, c
}

func bodies(n int, size int) []queue.Message {
	all := make([]queue.Message, n)
	for i := range all {
		all[i].Body = []byte(fmt.Sprintf("%05d", i) + strings.Repeat("x", max(0, size-5)))
	}
	return all
}

func TestServiceRoundTrip(t *testing.T) {
	s, c := service(t)
	sent, err := c.Send(t.Context(), "q", append(bodies(40, 100), queue.Message{Body: []byte("{\"a\":\"<&>✓\"}"), Priority: 1}))
	require.NoError(t, err)
	ids := map[string]bool{}
	for _, one := range sent {
		require.NoError(t, one.Err)
		ids[one.ID] = true
	}
	require.Len(t, ids, 41)
	counts := s.Log().Counts()
	require.Equal(t, 3, counts[calls.Key{Op: "SendMessage"}]+counts[calls.Key{Op: "BatchSendMessage"}])

	stats, err := c.Stats(t.Context(), "q")
	require.NoError(t, err)
	require.Equal(t, queue.Stats{Active: 41}, stats)
	seen, err := c.Peek(t.Context(), "q", 16)
	require.NoError(t, err)
	require.Len(t, seen, 16)
	require.Empty(t, seen[0].Handle)

	got, err := c.Receive(t.Context(), "q", 1, 0)
	require.NoError(t, err)
	require.Equal(t, "{\"a\":\"<&>✓\"}", string(got[0].Body), "priority 1 goes first")
	require.Equal(t, 1, got[0].Dequeued)
	handle, until, err := c.Extend(t.Context(), "q", got[0].Handle, time.Minute)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Minute), until, 5*time.Second)
	results, err := c.Delete(t.Context(), "q", []string{got[0].Handle, handle, "no handle"})
	require.NoError(t, err)
	require.ErrorIs(t, results[0], video.ErrNotFound, "the old handle is void")
	require.NoError(t, results[1])
	require.ErrorIs(t, results[2], video.ErrNotFound)

	for taken := 0; taken < 40; {
		got, err := c.Receive(t.Context(), "q", 16, 0)
		require.NoError(t, err)
		require.NotEmpty(t, got)
		taken += len(got)
		var handles []string
		for _, m := range got {
			handles = append(handles, m.Handle)
		}
		results, err := c.Delete(t.Context(), "q", handles)
		require.NoError(t, err)
		for _, err := range results {
			require.NoError(t, err)
		}
	}
	got, err = c.Receive(t.Context(), "q", 16, 0)
	require.NoError(t, err)
	require.Nil(t, got)
}

func TestServiceTakesTheLargestMessages(t *testing.T) {
	_, c := service(t)
	sent, err := c.Send(t.Context(), "q", append(bodies(3, queue.MaxBody), bodies(2, queue.MaxBody+1)...))
	require.NoError(t, err)
	for i, one := range sent {
		require.Equal(t, i >= 3, one.Err != nil, "%d: %v", i, one.Err)
	}
	got, err := c.Receive(t.Context(), "q", 16, 0)
	require.NoError(t, err)
	require.Len(t, got, 3)
	require.Len(t, got[2].Body, queue.MaxBody)
}

func TestTheLargestMetadataMessageFits(t *testing.T) {
	require.Equal(t, queue.MaxBody, events.MaxMessage)
}

func TestServiceLongPollEndsWithTheFirstMessage(t *testing.T) {
	keys := fakeram.New(fakeram.Key{ID: "id", Secret: secret, Token: token, Account: account})
	s := fakemns.New(fakemns.Options{Keys: keys, Account: account})
	defer s.Close()
	polling := make(chan struct{}, 1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		polling <- struct{}{}
		s.ServeHTTP(w, r)
	}))
	defer web.Close()
	s.Create("q")
	go func() {
		<-polling
		_, err := s.Enqueue("q", "aGk=")
		if err != nil {
			t.Error(err)
		}
	}()
	started := time.Now()
	got, err := open(t, web.URL).Receive(t.Context(), "q", 16, 20*time.Second)
	require.NoError(t, err)
	require.Equal(t, "hi", string(got[0].Body))
	require.Less(t, time.Since(started), 10*time.Second)
}

func TestServiceACalledOffPollTakesNothing(t *testing.T) {
	s, c := service(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := c.Receive(ctx, "q", 16, 20*time.Second)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, video.ErrDeferred)
	require.NoError(t, c.Ensure(t.Context(), "other", 0))
	sent, err := c.Send(t.Context(), "q", []queue.Message{{Body: []byte("x")}})
	require.NoError(t, err)
	require.NoError(t, sent[0].Err)
	require.Equal(t, 1, s.Stats("q").Active)
}

func TestServiceRefusesAWrongKey(t *testing.T) {
	s := fakemns.New(fakemns.Options{Keys: fakeram.New(fakeram.Key{ID: "id", Secret: "another", Token: token, Account: account}), Account: account})
	web := httptest.NewServer(s)
	defer web.Close()
	defer s.Close()
	_, err := open(t, web.URL).Stats(t.Context(), "q")
	require.ErrorIs(t, err, video.ErrForbidden)
	require.NotContains(t, err.Error(), secret)
}

func TestServiceAMissingQueueIsNotFound(t *testing.T) {
	_, c := service(t)
	for name, call := range map[string]func() error{
		"send":    func() error { _, err := c.Send(t.Context(), "none", bodies(1, 9)); return err },
		"batch":   func() error { _, err := c.Send(t.Context(), "none", bodies(2, 9)); return err },
		"receive": func() error { _, err := c.Receive(t.Context(), "none", 1, 0); return err },
		"peek":    func() error { _, err := c.Peek(t.Context(), "none", 1); return err },
		"delete":  func() error { _, err := c.Delete(t.Context(), "none", []string{"h"}); return err },
		"extend":  func() error { _, _, err := c.Extend(t.Context(), "none", "h", time.Second); return err },
		"stats":   func() error { _, err := c.Stats(t.Context(), "none"); return err },
	} {
		err := call()
		require.ErrorIs(t, err, video.ErrNotFound, name)
		var e *queue.Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, "QueueNotExist", e.Code, name)
	}
}

func TestServiceManyWorkersTakeEveryMessageOnce(t *testing.T) {
	s, c := service(t)
	const workers, each = 8, 60
	before := runtime.NumGoroutine()
	var sent, taken atomic.Int64
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			messages := bodies(each, 50)
			for i := range messages {
				messages[i].Body = append(messages[i].Body, byte('A'+w))
			}
			answers, err := c.Send(context.Background(), "q", messages)
			if err != nil {
				t.Error(err)
			}
			sent.Add(int64(len(answers)))
			for taken.Load() < workers*each {
				got, err := c.Receive(context.Background(), "q", 16, 0)
				if err != nil {
					t.Error(err)
					return
				}
				var handles []string
				mu.Lock()
				for _, m := range got {
					seen[string(m.Body)]++
					handles = append(handles, m.Handle)
				}
				mu.Unlock()
				if _, err := c.Delete(context.Background(), "q", handles); err != nil {
					t.Error(err)
					return
				}
				taken.Add(int64(len(got)))
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, workers*each, sent.Load())
	require.Len(t, seen, workers*each)
	for body, n := range seen {
		require.Equal(t, 1, n, body)
	}
	require.Zero(t, s.Stats("q"))
	c.Close()
	t.Logf("%d messages, goroutines %d before and %d after", sent.Load(), before, runtime.NumGoroutine())
	require.LessOrEqual(t, runtime.NumGoroutine(), before+100, "far fewer than calls")
}

// In aws-sdk-go-v2#3519 the retry of one failed entry sent a whole batch again. Here
// the caller sends again what Passing allows, and nothing is ever there twice.
func TestServiceUnderFaultsHoldsNothingTwice(t *testing.T) {
	const seed, messages = 7, 2000
	chance := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	fault := func(op, _, _ string) calls.Fault {
		if op != "BatchSendMessage" && op != "SendMessage" {
			return calls.Fault{}
		}
		mu.Lock()
		defer mu.Unlock()
		switch n := chance.IntN(100); {
		case n < 10:
			return calls.Fault{Status: 429, Code: "TooManyRequests", Message: "busy"}
		case n < 15:
			return calls.Fault{Status: 500, Code: "InternalError", Message: "Interal error."}
		case n < 17:
			return calls.Fault{Reset: true, After: true}
		case n < 19:
			return calls.Fault{Reset: true}
		}
		return calls.Fault{}
	}
	s := fakemns.New(fakemns.Options{
		Keys:    fakeram.New(fakeram.Key{ID: "id", Secret: secret, Token: token, Account: account}),
		Account: account, Fault: fault,
	})
	web := httptest.NewServer(s)
	defer web.Close()
	defer s.Close()
	s.Create("q")
	c := open(t, web.URL)
	open, unknown := bodies(messages, 20), map[string]bool{}
	rounds := 0
	for ; len(open) > 0; rounds++ {
		sent, err := c.Send(t.Context(), "q", open)
		var again []queue.Message
		for i, one := range sent {
			switch {
			case one.Err == nil:
				require.NotEmpty(t, one.ID)
			case video.Passing(one.Err):
				again = append(again, open[i])
			default:
				require.ErrorIs(t, one.Err, video.ErrUnknownOutcome)
				require.Error(t, err)
				unknown[string(open[i].Body)] = true
			}
		}
		open = again
	}
	there := map[string]int{}
	for {
		got, err := c.Receive(t.Context(), "q", 16, 0)
		require.NoError(t, err)
		if got == nil {
			break
		}
		for _, m := range got {
			there[string(m.Body)]++
		}
	}
	doubtful := 0
	for _, m := range bodies(messages, 20) {
		n := there[string(m.Body)]
		require.LessOrEqual(t, n, 1, "%s", m.Body)
		if unknown[string(m.Body)] {
			doubtful += n
		} else {
			require.Equal(t, 1, n, "%s", m.Body)
		}
	}
	t.Logf("seed %d: %d messages in %d rounds, %d calls at the server; %d unknown, of which %d had arrived; none twice, none lost",
		seed, messages, rounds, len(s.Calls()), len(unknown), doubtful)
}
