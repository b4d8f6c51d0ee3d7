package queue_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/queue"
	"vodcurator/shared/video"
)

const (
	account = "1000000000000001"
	secret  = "not-a-real-secret"
	token   = "not-a-real-token"
)

// request is what the stub saw of one call.
type request struct {
	method, target, body string
	header               http.Header
	host                 string
}

// stub answers calls one by one and keeps what it saw. It checks every signature by
// mns.md 1.2, written down here once more and not taken from the SDK.
type stub struct {
	*httptest.Server
	mu   sync.Mutex
	seen []request
}

func newStub(t testing.TB, answer func(w http.ResponseWriter, r request)) *stub {
	s := &stub{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		q := request{r.Method, r.RequestURI, string(body), r.Header, r.Host}
		s.mu.Lock()
		s.seen = append(s.seen, q)
		s.mu.Unlock()
		if got, want := r.Header.Get("Authorization"), "MNS id:"+sign(q); got != want {
			fail(w, http.StatusForbidden, "SignatureDoesNotMatch", "we signed "+secret)
			return
		}
		answer(w, q)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *stub) requests() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.seen...)
}

func sign(r request) string {
	var lines []string
	for name, values := range r.header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-mns-") {
			lines = append(lines, name+":"+values[0]+"\n")
		}
	}
	sort.Strings(lines)
	h := hmac.New(sha1.New, []byte(secret))
	fmt.Fprintf(h, "%s\n%s\n%s\n%s\n%s%s", r.method, r.header.Get("Content-Md5"), r.header.Get("Content-Type"), r.header.Get("Date"), strings.Join(lines, ""), r.target)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func write(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/xml;charset=utf-8")
	w.Header().Set("X-Mns-Request-Id", "5F2B3C281B283D4EAC694B74")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `<?xml version="1.0" ?>`+"\n"+body)
}

func fail(w http.ResponseWriter, status int, code, message string) {
	write(w, status, `<Error xmlns="http://mns.aliyuncs.com/doc/v1"><Code>`+code+`</Code><Message>`+message+`</Message><RequestId>5F2B3C281B283D4EAC694B74</RequestId><HostId>h</HostId></Error>`)
}

func open(t testing.TB, url string) *queue.Client {
	t.Helper()
	c, err := queue.New(queue.Config{
		Region: "cn-shanghai", Account: account, Endpoint: url, Backoff: time.Nanosecond,
		Credentials: func(context.Context) (string, string, string, error) { return "id", secret, token, nil },
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// sentBodies are the bodies of a send request, as MNS would see them.
func sentBodies(t testing.TB, r request) []string {
	t.Helper()
	var root struct {
		XMLName     xml.Name
		MessageBody string
		Message     []struct{ MessageBody string }
	}
	require.NoError(t, xml.Unmarshal([]byte(r.body), &root))
	if root.XMLName.Local == "Message" {
		return []string{root.MessageBody}
	}
	var all []string
	for _, m := range root.Message {
		all = append(all, m.MessageBody)
	}
	return all
}

func takeAll(t testing.TB) func(http.ResponseWriter, request) {
	return func(w http.ResponseWriter, r request) {
		bodies := sentBodies(t, r)
		if strings.HasPrefix(r.body, "<Message>") {
			write(w, 201, `<Message><MessageId>id-`+bodies[0][:4]+`</MessageId></Message>`)
			return
		}
		var b strings.Builder
		for _, body := range bodies {
			b.WriteString(`<Message><MessageId>id-` + body[:4] + `</MessageId></Message>`)
		}
		write(w, 201, `<Messages xmlns="http://mns.aliyuncs.com/doc/v1">`+b.String()+`</Messages>`)
	}
}

func TestSendIsSignedAndKeepsTheRealHost(t *testing.T) {
	s := newStub(t, takeAll(t))
	sent, err := open(t, s.URL).Send(t.Context(), "metadata", []queue.Message{{Body: []byte("hello"), Delay: 1500 * time.Millisecond}})
	require.NoError(t, err)
	require.Equal(t, []queue.Sent{{ID: "id-aGVs"}}, sent)
	r := s.requests()[0]
	require.Equal(t, "POST", r.method)
	require.Equal(t, "/queues/metadata/messages", r.target)
	require.Equal(t, account+".mns.cn-shanghai.aliyuncs.com", r.host)
	require.Equal(t, token, r.header.Get("Security-Token"))
	require.Contains(t, r.body, "<MessageBody>aGVsbG8=</MessageBody><DelaySeconds>2</DelaySeconds><Priority>8</Priority>")
}

func TestSendSplitsByCountAndSize(t *testing.T) {
	s := newStub(t, takeAll(t))
	c := open(t, s.URL)
	rapid.Check(t, func(rt *rapid.T) {
		before := len(s.requests())
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(4, 500), rapid.IntRange(4, 500), rapid.IntRange(4, 500), rapid.IntRange(4, queue.MaxBody), rapid.SampledFrom([]int{queue.MaxBody, queue.MaxBody + 1})), 0, 24).Draw(rt, "sizes")
		messages := make([]queue.Message, len(sizes))
		good := 0
		for i, size := range sizes {
			messages[i].Body = []byte(strings.Repeat("x", size))
			if size <= queue.MaxBody {
				good++
			}
		}
		sent, err := c.Send(t.Context(), "q", messages)
		require.NoError(rt, err)
		require.Len(rt, sent, len(sizes))
		for i, size := range sizes {
			if size > queue.MaxBody {
				require.ErrorIs(rt, sent[i].Err, video.ErrInvalid)
				require.ErrorContains(rt, sent[i].Err, "at most 49152 (65536 as base64)")
			} else {
				require.NoError(rt, sent[i].Err)
				require.NotEmpty(rt, sent[i].ID)
			}
		}
		total := 0
		for _, r := range s.requests()[before:] {
			bodies, size := sentBodies(t, r), 0
			for _, body := range bodies {
				size += len(body)
			}
			total += len(bodies)
			require.LessOrEqual(rt, len(bodies), 16)
			require.LessOrEqual(rt, size, 64<<10)
			if len(bodies) > 1 {
				require.LessOrEqual(rt, len(r.body), 64<<10, "the XML too")
			}
		}
		require.Equal(rt, good, total)
	})
}

func TestSendFillsCalls(t *testing.T) {
	s := newStub(t, takeAll(t))
	messages := make([]queue.Message, 33)
	for i := range messages {
		messages[i].Body = []byte("abcd")
	}
	_, err := open(t, s.URL).Send(t.Context(), "q", messages)
	require.NoError(t, err)
	require.Len(t, s.requests(), 3)
}

func TestSendRefusesBeforeAnyCall(t *testing.T) {
	s := newStub(t, takeAll(t))
	c := open(t, s.URL)
	sent, err := c.Send(t.Context(), "q", []queue.Message{
		{}, {Body: []byte("x"), Priority: 17}, {Body: []byte("x"), Delay: 8 * 24 * time.Hour}, {Body: []byte("x"), Delay: -1},
	})
	require.NoError(t, err)
	for _, s := range sent {
		require.ErrorIs(t, s.Err, video.ErrInvalid)
	}
	_, err = c.Send(t.Context(), "a/b", []queue.Message{{Body: []byte("x")}})
	require.ErrorIs(t, err, video.ErrInvalid)
	_, _, err = c.Extend(t.Context(), "q", "h", 13*time.Hour)
	require.ErrorIs(t, err, video.ErrInvalid)
	require.Empty(t, s.requests())
}

func TestSendPartialFailureIsEachMessagesOwn(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, _ request) {
		write(w, 500, `<Messages xmlns="http://mns.aliyuncs.com/doc/v1"><Message><MessageId>1</MessageId><MessageBodyMD5>M</MessageBodyMD5></Message><Message><ErrorCode>InternalError</ErrorCode><ErrorMessage>Interal error.</ErrorMessage></Message></Messages>`)
	})
	sent, err := open(t, s.URL).Send(t.Context(), "q", []queue.Message{{Body: []byte("a")}, {Body: []byte("b")}, {Body: []byte("c")}})
	require.NoError(t, err)
	require.Equal(t, queue.Sent{ID: "1"}, sent[0])
	require.ErrorIs(t, sent[1].Err, video.ErrTransient)
	require.ErrorIs(t, sent[2].Err, video.ErrUnknownOutcome, "no entry came for it")
	require.Len(t, s.requests(), 1)
}

func TestSendStopsAtTheFirstFailedCall(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, _ request) { fail(w, 403, "AccessDenied", "no") })
	messages := make([]queue.Message, 20)
	for i := range messages {
		messages[i].Body = []byte("x")
	}
	sent, err := open(t, s.URL).Send(t.Context(), "q", messages)
	require.ErrorIs(t, err, video.ErrForbidden)
	require.ErrorIs(t, sent[15].Err, video.ErrForbidden)
	require.ErrorIs(t, sent[16].Err, video.ErrDeferred)
	require.Len(t, s.requests(), 1)
	var e *queue.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "AccessDenied", e.Code)
	require.Equal(t, 403, e.Status)
	require.Equal(t, "5F2B3C281B283D4EAC694B74", e.RequestID)
	require.Equal(t, "send", e.Op)
}

func TestCodesHaveKinds(t *testing.T) {
	for _, tc := range []struct {
		status int
		code   string
		kind   error
		calls  int
	}{
		{404, "QueueNotExist", video.ErrNotFound, 1},
		{403, "InvalidAccessKeyId", video.ErrForbidden, 1},
		{403, "SignatureDoesNotMatch", video.ErrForbidden, 1},
		{429, "TooManyRequests", video.ErrThrottled, 3},
		{400, "QpsLimitExceeded", video.ErrThrottled, 3},
		{408, "TimeExpired", video.ErrTransient, 1},
		{400, "InvalidArgument", video.ErrInvalid, 1},
		{400, "InvalidDigest", video.ErrInvalid, 1},
		{400, "SomethingNew", video.ErrInvalid, 1},
		{500, "InternalError", video.ErrUnknownOutcome, 1},
		{503, "", video.ErrUnknownOutcome, 1},
	} {
		t.Run(fmt.Sprint(tc.status, tc.code), func(t *testing.T) {
			s := newStub(t, func(w http.ResponseWriter, _ request) {
				if tc.code == "" {
					w.WriteHeader(tc.status)
					_, _ = io.WriteString(w, "<html>busy")
					return
				}
				fail(w, tc.status, tc.code, secret[:0]+"words")
			})
			c := open(t, s.URL)
			_, err := c.Send(t.Context(), "q", []queue.Message{{Body: []byte("x")}})
			require.ErrorIs(t, err, tc.kind)
			require.Len(t, s.requests(), tc.calls, "only what had no effect is sent again")
			var e *queue.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tc.code, e.Code)
			require.Equal(t, tc.status, e.Status)
			_, err = c.Receive(t.Context(), "q", 1, 0)
			require.Error(t, err)
		})
	}
}

const received = `<Messages xmlns="http://mns.aliyuncs.com/doc/v1"><Message><MessageId>m1</MessageId><MessageBodyMD5>X</MessageBodyMD5><MessageBody>%s</MessageBody><ReceiptHandle>8-a+b/c==</ReceiptHandle><EnqueueTime>1782000000250</EnqueueTime><FirstDequeueTime>1782000001000</FirstDequeueTime><NextVisibleTime>1782000031000</NextVisibleTime><DequeueCount>2</DequeueCount><Priority>8</Priority><UserProperties><PropertyValue><Name>a</Name></PropertyValue></UserProperties></Message></Messages>`

func TestReceive(t *testing.T) {
	for body, want := range map[string]string{
		"aGk=":              "hi",
		`{"EventType":"X"}`: `{"EventType":"X"}`,
		"4pyT4oCm":          "✓…",
		"abcd":              "abcd",
		base64.StdEncoding.EncodeToString([]byte{0xff, 0xfe, 0}): "//4A",
		base64.StdEncoding.EncodeToString([]byte("\n{\xf0")):     "\n{\xf0", // ours, with half an emoji in it
		base64.StdEncoding.EncodeToString([]byte("[\xff]")):      "[\xff]",
	} {
		s := newStub(t, func(w http.ResponseWriter, _ request) {
			var b strings.Builder
			require.NoError(t, xml.EscapeText(&b, []byte(body)))
			write(w, 200, fmt.Sprintf(received, b.String()))
		})
		got, err := open(t, s.URL).Receive(t.Context(), "q", 5, 1500*time.Millisecond)
		require.NoError(t, err)
		require.Equal(t, []queue.Received{{
			ID: "m1", Handle: "8-a+b/c==", Body: []byte(want), Dequeued: 2,
			Enqueued: time.UnixMilli(1782000000250).UTC(), NextVisible: time.UnixMilli(1782000031000).UTC(),
		}}, got)
		require.Equal(t, "/queues/q/messages?numOfMessages=5&waitseconds=2", s.requests()[0].target)
	}
}

func TestReceiveAsksWithinTheLimits(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, _ request) { fail(w, 404, "MessageNotExist", "Message not exist.") })
	c := open(t, s.URL)
	for _, tc := range []struct {
		limit  int
		wait   time.Duration
		target string
	}{
		{0, 0, "/queues/q/messages?numOfMessages=16"},
		{100, time.Hour, "/queues/q/messages?numOfMessages=16&waitseconds=30"},
		{1, time.Nanosecond, "/queues/q/messages?numOfMessages=1&waitseconds=1"},
		{1, -1, "/queues/q/messages?numOfMessages=1"},
	} {
		got, err := c.Receive(t.Context(), "q", tc.limit, tc.wait)
		require.NoError(t, err, "an empty queue is no error")
		require.Nil(t, got)
		all := s.requests()
		require.Equal(t, tc.target, all[len(all)-1].target)
	}
	got, err := c.Peek(t.Context(), "q", 3)
	require.NoError(t, err)
	require.Nil(t, got)
}

func TestReceiveIsCalledOffAtTheServerToo(t *testing.T) {
	arrived, left := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(left)
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	started := time.Now()
	got, err := open(t, server.URL).Receive(ctx, "q", 1, 30*time.Second)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, video.ErrDeferred)
	require.Nil(t, got)
	<-left
	require.Less(t, time.Since(started), 10*time.Second)
}

func TestDelete(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, r request) {
		if strings.Contains(r.body, "gone") {
			write(w, 404, `<Errors xmlns="http://mns.aliyuncs.com/doc/v1"><Error><ErrorCode>MessageNotExist</ErrorCode><ErrorMessage>Message not exist.</ErrorMessage><ReceiptHandle>gone</ReceiptHandle></Error><Error><ErrorCode>ReceiptHandleError</ErrorCode><ErrorMessage>x</ErrorMessage><ReceiptHandle>odd</ReceiptHandle></Error></Errors>`)
			return
		}
		w.WriteHeader(204)
	})
	c := open(t, s.URL)
	handles := []string{"a", "gone", "odd"}
	for i := range 15 {
		handles = append(handles, fmt.Sprint("h", i))
	}
	results, err := c.Delete(t.Context(), "q", handles)
	require.NoError(t, err)
	require.Len(t, results, 18)
	for i, r := range results {
		if i == 1 || i == 2 {
			require.ErrorIs(t, r, video.ErrNotFound)
		} else {
			require.NoError(t, r)
		}
	}
	require.Len(t, s.requests(), 2)
	results, err = c.Delete(t.Context(), "q", nil)
	require.NoError(t, err)
	require.Empty(t, results)
}

func TestExtend(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, _ request) {
		write(w, 200, `<ChangeVisibility xmlns="http://mns.aliyuncs.com/doc/v1"><ReceiptHandle>new</ReceiptHandle><NextVisibleTime>1782000031000</NextVisibleTime></ChangeVisibility>`)
	})
	handle, until, err := open(t, s.URL).Extend(t.Context(), "q", "8-a+b/c==", 61*time.Second)
	require.NoError(t, err)
	require.Equal(t, "new", handle)
	require.Equal(t, time.UnixMilli(1782000031000).UTC(), until)
	require.Equal(t, "/queues/q/messages?ReceiptHandle=8-a%2Bb%2Fc%3D%3D&VisibilityTimeout=61", s.requests()[0].target)
}

func TestStatsAndEnsure(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, r request) {
		switch {
		case r.method == "GET":
			write(w, 200, `<Queue xmlns="http://mns.aliyuncs.com/doc/v1"><QueueName>q</QueueName><CreateTime>1782000000</CreateTime><ActiveMessages>3</ActiveMessages><InactiveMessages>2</InactiveMessages><DelayMessages>1</DelayMessages><LoggingEnabled>True</LoggingEnabled><MessageType>0</MessageType></Queue>`)
		case strings.HasSuffix(r.target, "/other"):
			fail(w, 409, "QueueAlreadyExist", "The queue you want to create is already exist.")
		case strings.HasSuffix(r.target, "/same"):
			w.WriteHeader(204)
		case strings.HasSuffix(r.target, "/new"):
			w.WriteHeader(201)
		default:
			fail(w, 403, "AccessDenied", "no")
		}
	})
	c := open(t, s.URL)
	stats, err := c.Stats(t.Context(), "q")
	require.NoError(t, err)
	require.Equal(t, queue.Stats{Active: 3, Inactive: 2, Delayed: 1}, stats)
	for _, name := range []string{"other", "same", "new"} {
		require.NoError(t, c.Ensure(t.Context(), name, 0), name)
	}
	require.ErrorIs(t, c.Ensure(t.Context(), "denied", 0), video.ErrForbidden)
}

func TestALostConnectionIsOnePost(t *testing.T) {
	var posts atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		posts.Add(1)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}))
	defer server.Close()
	sent, err := open(t, server.URL).Send(t.Context(), "q", []queue.Message{{Body: []byte("x")}})
	require.ErrorIs(t, err, video.ErrUnknownOutcome)
	require.ErrorIs(t, sent[0].Err, video.ErrUnknownOutcome)
	require.EqualValues(t, 1, posts.Load())
	_, err = open(t, server.URL).Stats(t.Context(), "q")
	require.ErrorIs(t, err, video.ErrTransient)
	require.GreaterOrEqual(t, posts.Load(), int64(4), "a reading call is tried three times")
}

func TestNoConnectionIsTransient(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	_, err := open(t, server.URL).Send(t.Context(), "q", []queue.Message{{Body: []byte("x")}})
	require.ErrorIs(t, err, video.ErrTransient)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = open(t, server.URL).Send(ctx, "q", []queue.Message{{Body: []byte("x")}})
	require.ErrorIs(t, err, video.ErrDeferred)
	require.ErrorIs(t, err, context.Canceled)
}

func TestASlowServerIsAnUnknownOutcomeForSend(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer server.Close()
	c, err := queue.New(queue.Config{
		Region: "cn-shanghai", Account: account, Endpoint: server.URL, Timeout: 20 * time.Millisecond,
		Credentials: func(context.Context) (string, string, string, error) { return "id", secret, "", nil },
	})
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Send(t.Context(), "q", []queue.Message{{Body: []byte("x")}})
	require.ErrorIs(t, err, video.ErrUnknownOutcome)
	require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller's time is not up")
}

func TestAnEndpointIsTakenOrRefusedWithoutPanic(t *testing.T) {
	cfg := func(endpoint string) queue.Config {
		return queue.Config{Region: "cn-shanghai", Account: account, Endpoint: endpoint,
			Credentials: func(context.Context) (string, string, string, error) { return "id", secret, "", nil }}
	}
	for _, endpoint := range []string{
		"", "http://127.0.0.1:8080", "http://127.0.0.1:8080/", "http://localhost:1", "http://[::1]:8080", "https://mns.example.internal",
		"https://" + account + ".mns.cn-shanghai.aliyuncs.com", "https://" + account + ".mns.cn-shanghai-internal.aliyuncs.com/",
	} {
		_, err := queue.New(cfg(endpoint))
		require.NoError(t, err, endpoint)
	}
	for _, endpoint := range []string{
		"127.0.0.1:8080", "localhost", "http://", "ftp://127.0.0.1", "http://127.0.0.1:8080/a.b", "http://127.0.0.1/?a.b.c.d", "http://u:p@127.0.0.1",
		"http://mns.example.internal", "http://" + account + ".mns.cn-shanghai.aliyuncs.com", "https://x.y.mns.cn-shanghai.aliyuncs.com",
		"https://2.mns.cn-shanghai.aliyuncs.com", "https://" + account + ".mns.cn-beijing.aliyuncs.com", "https://" + account + ".mns.cn-shanghai2.aliyuncs.com",
		"....", "\x00", "https://a.b.c.d.e", "http://%zz",
	} {
		c, err := queue.New(cfg(endpoint))
		if endpoint == "https://a.b.c.d.e" { // somebody's own name for it: fine
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, video.ErrInvalid, endpoint)
		require.Nil(t, c)
	}
	for _, broken := range []queue.Config{
		{}, {Region: "cn-shanghai"}, {Account: "1"}, {Account: "a.b", Region: "r"}, {Account: "1", Region: "r.s"}, {Account: "1", Region: "cn-shanghai"},
	} {
		_, err := queue.New(broken)
		require.ErrorIs(t, err, video.ErrInvalid)
	}
}

func FuzzEndpoint(f *testing.F) {
	for _, s := range []string{"http://127.0.0.1:8080/a.b", "https://a.mns.cn-shanghai.aliyuncs.com", "....", "http://[::1"} {
		f.Add(s, "1", "cn-shanghai")
	}
	f.Fuzz(func(t *testing.T, endpoint, account, region string) {
		// Cancelled as late as that, the call gets to the SDK's constructor, which must
		// not panic either, and no further.
		ctx, cancel := context.WithCancel(context.Background())
		c, err := queue.New(queue.Config{Region: region, Account: account, Endpoint: endpoint,
			Credentials: func(context.Context) (string, string, string, error) { cancel(); return "id", secret, "", nil }})
		defer cancel()
		if err != nil {
			require.ErrorIs(t, err, video.ErrInvalid)
			require.Nil(t, c)
			return
		}
		_, err = c.Stats(ctx, "q")
		require.ErrorIs(t, err, video.ErrDeferred)
	})
}

func TestNoSecretInAnyError(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, _ request) { fail(w, 403, "SignatureDoesNotMatch", secret+token) })
	_, err := open(t, s.URL).Send(t.Context(), "q", []queue.Message{{Body: []byte("x")}})
	require.ErrorIs(t, err, video.ErrForbidden)
	require.NotContains(t, err.Error(), secret)
	require.NotContains(t, err.Error(), token)
	require.NotContains(t, fmt.Sprintf("%+v %#v", err, err), secret)
}

func TestCredentialsAreAskedForEachCall(t *testing.T) {
	s := newStub(t, takeAll(t))
	var asked atomic.Int64
	c, err := queue.New(queue.Config{Region: "cn-shanghai", Account: account, Endpoint: s.URL,
		Credentials: func(context.Context) (string, string, string, error) {
			return "id", secret, fmt.Sprint("token-", asked.Add(1)), nil
		}})
	require.NoError(t, err)
	defer c.Close()
	for range 3 {
		_, err := c.Send(t.Context(), "q", []queue.Message{{Body: []byte("x")}})
		require.NoError(t, err)
	}
	require.Equal(t, "token-3", s.requests()[2].header.Get("Security-Token"))
}

func TestManyCallersShareOneClient(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, r request) {
		if r.method == "GET" {
			write(w, 200, fmt.Sprintf(received, "aGk="))
			return
		}
		takeAll(t)(w, r)
	})
	c := open(t, s.URL)
	round := func() {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 10 {
					body := []byte("abcd")
					sent, err := c.Send(context.Background(), "q", []queue.Message{{Body: body}, {Body: body}})
					if err != nil || sent[1].ID != "id-YWJj" {
						t.Errorf("%v %v", sent, err)
					}
					if got, err := c.Receive(context.Background(), "q", 1, 0); err != nil || string(got[0].Body) != "hi" {
						t.Errorf("%v %v", got, err)
					}
				}
			})
		}
		wg.Wait()
	}
	round()
	after1 := runtime.NumGoroutine()
	for range 3 {
		round()
	}
	require.Len(t, s.requests(), 640)
	// A connection is three goroutines, both ends counted, and an SDK client leaves
	// its cleaner for about a second; neither grows with the calls.
	t.Logf("goroutines: %d after 160 calls, %d after 640", after1, runtime.NumGoroutine())
	require.LessOrEqual(t, runtime.NumGoroutine(), after1+50)
}
