package fakemns_test

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakeram"
)

// FuzzAnyRequest sends what it likes, well signed, so that it gets past the door:
// the answer is one of the protocol, and nothing breaks.
func FuzzAnyRequest(f *testing.F) {
	for _, seed := range [][3]string{
		{"GET", "/queues", ""},
		{"PUT", "/queues/new", "<Queue><DelaySeconds>1</DelaySeconds></Queue>"},
		{"PUT", "/queues/jobs?metaoverride=true", "<Queue/>"},
		{"POST", "/queues/jobs/messages", send},
		{"POST", "/queues/jobs/messages", "<Messages>" + send + send + "</Messages>"},
		{"POST", "/queues/jobs/messages", "<Message><MessageBody>&#0;</MessageBody></Message>"},
		{"GET", "/queues/jobs/messages?numOfMessages=16&waitseconds=0", ""},
		{"GET", "/queues/jobs/messages?peekonly=true&numOfMessages=1", ""},
		{"DELETE", "/queues/jobs/messages?ReceiptHandle=8-%zz", ""},
		{"DELETE", "/queues/jobs/messages", "<ReceiptHandles><ReceiptHandle>8-AAAA</ReceiptHandle></ReceiptHandles>"},
		{"PUT", "/queues/jobs/messages?ReceiptHandle=8-&VisibilityTimeout=99999999999999999999", ""},
		{"PUT", "/topics/t", ""},
		{"POST", "/topics/news/messages", send},
		{"PUT", "/topics/news/subscriptions/s", "<Subscription><Endpoint>acs:mns:r:1:queues/jobs</Endpoint></Subscription>"},
		{"GET", "//queues//jobs//%2e%2e", "<?xml version='1.0' encoding='latin1'?><a xmlns:b='c'><b:d/></a>"},
		{"BREW", "http://elsewhere/queues/jobs", "\xff"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	s := fakemns.New(fakemns.Options{Keys: fakeram.New(fakeram.Key{ID: "id", Secret: "secret"})})
	s.Create("jobs")
	s.CreateTopic("news")
	f.Fuzz(func(t *testing.T, method, target, body string) {
		if strings.Contains(target, "waitseconds") && !strings.Contains(target, "waitseconds=0") {
			return // a long poll may take its time
		}
		r := request("POST", "/", body, "Authorization", "none")
		r.Method, r.RequestURI = method, target
		sign(r, signedTarget(target))
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		require.GreaterOrEqual(t, w.Code, 200)
		require.Less(t, w.Code, 600)
		if w.Code >= 400 {
			var root struct{ XMLName xml.Name }
			require.NoError(t, xml.Unmarshal(w.Body.Bytes(), &root), w.Body)
			require.Contains(t, []string{"Error", "Errors", "Messages"}, root.XMLName.Local)
		}
	})
}

// signedTarget is the target without scheme and host.
func signedTarget(target string) string {
	if _, rest, ok := strings.Cut(target, "://"); ok && !strings.HasPrefix(target, "/") {
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			return rest[i:]
		}
		return "/"
	}
	return target
}

const send = "<Message><MessageBody>x</MessageBody></Message>"

func TestNothingIsLeftBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := server(t, fakemns.Options{})
	web := httptest.NewServer(s)
	waiting := make(chan int)
	go func() {
		r := request("GET", "/queues/jobs/messages?waitseconds=30", "")
		r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", strings.TrimPrefix(web.URL, "http://")
		hc := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := hc.Do(r)
		if err != nil {
			close(waiting)
			return
		}
		_ = resp.Body.Close()
		waiting <- resp.StatusCode
	}()
	s.Close()
	require.Equal(t, 404, <-waiting, "a long poll ends with the service")
	web.Close()
	goleak.VerifyNone(t, before)
}
