package fakemns_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mns "github.com/aliyun/aliyun-mns-go-sdk"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakeram"
)

// request is a request made by hand, signed as the documentation says.
func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	r.Header.Set("x-mns-version", "2015-06-06")
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	if r.Header.Get("Authorization") == "" {
		sign(r, target)
	}
	return r
}

// sign signs a request as the documentation says.
func sign(r *http.Request, target string) {
	mac := hmac.New(sha1.New, []byte("secret"))
	fmt.Fprintf(mac, "%s\n%s\n%s\n%s\n", r.Method, r.Header.Get("Content-MD5"), r.Header.Get("Content-Type"), r.Header.Get("Date"))
	if v := r.Header.Get("x-mns-version"); v != "" {
		fmt.Fprintf(mac, "x-mns-version:%s\n", v)
	}
	fmt.Fprint(mac, target)
	r.Header.Set("Authorization", "MNS id:"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func ask(s *fakemns.Server, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, request(method, target, body, headers...))
	return w
}

func field(t *testing.T, w *httptest.ResponseRecorder, name string) string {
	t.Helper()
	m := regexp.MustCompile("<" + name + ">([^<]*)</" + name + ">").FindStringSubmatch(w.Body.String())
	require.NotNil(t, m, "%s in %s", name, w.Body)
	return m[1]
}

func server(t *testing.T, opt fakemns.Options) *fakemns.Server {
	t.Helper()
	opt.Keys = fakeram.New(fakeram.Key{ID: "id", Secret: "secret"})
	s := fakemns.New(opt)
	t.Cleanup(s.Close)
	s.Create("jobs")
	return s
}

// An expired receipt still deleted, an extension was not honoured (localstack#13222);
// a delay was forgotten, a long poll did not see a change of visibility (elasticmq#81,
// #315, #519, localstack#8903).
func TestVisibilityDelayAndHandles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(t, fakemns.Options{})
		const messages = "/queues/jobs/messages"
		w := ask(s, "POST", messages, "<Message><MessageBody>late</MessageBody><DelaySeconds>10</DelaySeconds></Message>")
		require.Equal(t, 201, w.Code)
		require.NotEmpty(t, field(t, w, "ReceiptHandle"), "a delayed message can be taken back")
		require.Equal(t, fakemns.Stats{Delayed: 1}, s.Stats("jobs"))
		require.Equal(t, 404, ask(s, "GET", messages, "").Code)

		began := time.Now()
		w = ask(s, "GET", messages+"?waitseconds=30", "")
		require.Equal(t, 200, w.Code)
		require.Equal(t, 10*time.Second, time.Since(began), "the long poll ends as the delay does")
		first := field(t, w, "ReceiptHandle")
		require.Regexp(t, `^[A-Za-z0-9_-]+$`, first)
		require.Equal(t, fakemns.Stats{Inactive: 1}, s.Stats("jobs"))

		time.Sleep(30 * time.Second)
		require.Equal(t, fakemns.Stats{Active: 1}, s.Stats("jobs"))
		w = ask(s, "DELETE", messages+"?ReceiptHandle="+first, "")
		require.Equal(t, 404, w.Code, "a handle dies with its visibility")
		require.Equal(t, "MessageNotExist", field(t, w, "Code"))

		w = ask(s, "GET", messages, "")
		require.Equal(t, "2", field(t, w, "DequeueCount"))
		w = ask(s, "PUT", messages+"?receiptHandle="+field(t, w, "ReceiptHandle")+"&visibilityTimeout=100", "")
		require.Equal(t, 200, w.Code)
		longer := field(t, w, "ReceiptHandle")
		time.Sleep(99 * time.Second)
		require.Equal(t, fakemns.Stats{Inactive: 1}, s.Stats("jobs"))
		require.Equal(t, 204, ask(s, "DELETE", messages+"?receiptHandle="+longer, "").Code)
		require.Zero(t, s.Stats("jobs"))

		require.Equal(t, 404, ask(s, "GET", messages+"?waitseconds=30&numOfMessages=16", "").Code)
	})
}

// What was received too often did not reach the dead letters, or began anew there
// (elasticmq#582, #386).
func TestRetentionAndDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(t, fakemns.Options{})
		s.Create("dead")
		require.NoError(t, s.Configure("jobs", func(a *fakemns.Attributes) {
			a.DeadLetter, a.MaxReceives, a.Retention, a.Visibility = "dead", 2, time.Hour, time.Second
		}))
		require.Error(t, s.Configure("dead", func(a *fakemns.Attributes) { a.DeadLetter = "dead" }))
		sent := time.Now().UnixMilli()
		_, err := s.Enqueue("jobs", "poison")
		require.NoError(t, err)
		for range 2 {
			got, err := s.Receive(t.Context(), "jobs", 16, time.Minute, 0)
			require.NoError(t, err)
			require.Len(t, got, 1)
		}
		got, err := s.Receive(t.Context(), "jobs", 16, 2*time.Second, 0)
		require.NoError(t, err)
		require.Empty(t, got)
		require.Equal(t, fakemns.Stats{Active: 1}, s.Stats("dead"))
		require.Equal(t, strconv.FormatInt(sent, 10), field(t, ask(s, "GET", "/queues/dead/messages?peekonly=true", ""), "EnqueueTime"))
		time.Sleep(time.Hour)
		require.Equal(t, 404, ask(s, "GET", "/queues/dead/messages?peekonly=true", "").Code, "the move does not begin retention anew")
	})
}

func TestAClientThatGoesAwayTakesNoMessage(t *testing.T) {
	s := server(t, fakemns.Options{})
	ctx, leave := context.WithCancel(t.Context())
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave() // once the request is there
		s.ServeHTTP(w, r)
	}))
	defer web.Close()
	r := request("GET", "/queues/jobs/messages?waitseconds=30", "").WithContext(ctx)
	r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", strings.TrimPrefix(web.URL, "http://")
	_, err := http.DefaultClient.Do(r)
	require.ErrorIs(t, err, context.Canceled)
	require.Eventually(t, func() bool { return s.Log().Count("ReceiveMessage") == 1 }, 20*time.Second, time.Millisecond)
	_, err = s.Enqueue("jobs", "x")
	require.NoError(t, err)
	require.Equal(t, fakemns.Stats{Active: 1}, s.Stats("jobs"))
}

func TestRefusalsInTheirOrder(t *testing.T) {
	big := strings.Repeat("x", 65537)
	many := strings.Repeat("<Message><MessageBody>x</MessageBody></Message>", 17)
	tests := map[string]struct {
		r    *http.Request
		code int
		want string
	}{
		"unknown target":    {request("GET", "/nothing", ""), 400, "InvalidRequestURL"},
		"no authorization":  {func() *http.Request { r := request("GET", "/queues/jobs", ""); r.Header.Del("Authorization"); return r }(), 400, "MissingAuthorizationHeader"},
		"odd authorization": {request("GET", "/queues/jobs", "", "Authorization", "Basic x"), 400, "InvalidAuthorizationHeader"},
		"no date":           {request("GET", "/queues/jobs", "", "Date", ""), 400, "MissingDateHeader"},
		"odd date":          {request("GET", "/queues/jobs", "", "Date", "yesterday"), 400, "InvalidDateHeader"},
		"old date":          {request("GET", "/queues/jobs", "", "Date", time.Now().Add(-16*time.Minute).UTC().Format(http.TimeFormat)), 408, "TimeExpired"},
		"date to come":      {request("GET", "/queues/jobs", "", "Date", time.Now().Add(16*time.Minute).UTC().Format(http.TimeFormat)), 408, "TimeExpired"},
		"no version":        {request("GET", "/queues/jobs", "", "x-mns-version", ""), 400, "MissingVersionHeader"},
		"unknown key":       {request("GET", "/queues/jobs", "", "Authorization", "MNS who:x"), 403, "InvalidAccessKeyId"},
		"wrong signature":   {request("GET", "/queues/jobs", "", "Authorization", "MNS id:x"), 403, "SignatureDoesNotMatch"},
		"wrong digest":      {request("POST", "/queues/jobs/messages", "<Message/>", "Content-MD5", "x"), 400, "InvalidDigest"},
		"another's host": {func() *http.Request {
			r := request("GET", "/queues/jobs", "")
			r.Host = "99.mns.cn-shanghai.aliyuncs.com"
			return r
		}(), 403, "AccessDenied"},
		"odd query":              {request("GET", "/queues/jobs/messages?WaitSeconds=1", ""), 400, "InvalidQueryString"},
		"long wait":              {request("GET", "/queues/jobs/messages?waitseconds=31", ""), 400, "InvalidArgument"},
		"seventeen":              {request("GET", "/queues/jobs/messages?numOfMessages=17", ""), 400, "InvalidArgument"},
		"not XML":                {request("POST", "/queues/jobs/messages", "hello"), 400, "MalformedXML"},
		"cut XML":                {request("POST", "/queues/jobs/messages", "<Message><MessageBody>x"), 400, "MalformedXML"},
		"another root":           {request("POST", "/queues/jobs/messages", "<Queue/>"), 400, "InvalidArgument"},
		"no body":                {request("POST", "/queues/jobs/messages", "<Message/>"), 400, "InvalidArgument"},
		"priority 0":             {request("POST", "/queues/jobs/messages", "<Message><MessageBody>x</MessageBody><Priority>0</Priority></Message>"), 400, "InvalidArgument"},
		"a week and a second":    {request("POST", "/queues/jobs/messages", "<Message><MessageBody>x</MessageBody><DelaySeconds>604801</DelaySeconds></Message>"), 400, "InvalidArgument"},
		"too big":                {request("POST", "/queues/jobs/messages", "<Message><MessageBody>"+big+"</MessageBody></Message>"), 400, "InvalidArgument"},
		"batch of 17":            {request("POST", "/queues/jobs/messages", "<Messages>"+many+"</Messages>"), 400, "InvalidArgument"},
		"no queue to send to":    {request("POST", "/queues/none/messages", "<Message><MessageBody>x</MessageBody></Message>"), 404, "QueueNotExist"},
		"no queue to read":       {request("GET", "/queues/none/messages", ""), 404, "QueueNotExist"},
		"no queue to delete":     {request("DELETE", "/queues/none", ""), 404, "QueueNotExist"},
		"no handle":              {request("DELETE", "/queues/jobs/messages", ""), 400, "MissingReceiptHandle"},
		"odd handle":             {request("DELETE", "/queues/jobs/messages?ReceiptHandle=8-a+b", ""), 400, "ReceiptHandleError"},
		"no visibility":          {request("PUT", "/queues/jobs/messages?ReceiptHandle=x", ""), 400, "MissingVisibilityTimeout"},
		"visibility 0":           {request("PUT", "/queues/jobs/messages?ReceiptHandle=x&VisibilityTimeout=0", ""), 400, "InvalidArgument"},
		"odd name":               {request("PUT", "/queues/a_b", "<Queue/>"), 400, "InvalidQueueName"},
		"long name":              {request("PUT", "/queues/"+strings.Repeat("a", 121), "<Queue/>"), 400, "QueueNameLengthError"},
		"odd attribute":          {request("PUT", "/queues/new", "<Queue><VisibilityTimeout>0</VisibilityTimeout></Queue>"), 400, "InvalidArgument"},
		"attribute not a number": {request("PUT", "/queues/new", "<Queue><DelaySeconds>soon</DelaySeconds></Queue>"), 400, "InvalidArgument"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := server(t, fakemns.Options{})
			w := httptest.NewRecorder()
			s.ServeHTTP(w, tc.r)
			require.Equal(t, tc.code, w.Code, w.Body)
			require.Equal(t, tc.want, field(t, w, "Code"))
			require.Equal(t, w.Header().Get("x-mns-request-id"), field(t, w, "RequestId"))
			require.NotEmpty(t, field(t, w, "Message"))
			require.Equal(t, "http://1234567890123456.mns.cn-shanghai.aliyuncs.com", field(t, w, "HostId"))
			require.Equal(t, "text/xml;charset=utf-8", w.Header().Get("Content-Type"))
		})
	}
}

func TestTheOddFormsThatClientsSendAreTaken(t *testing.T) {
	s := server(t, fakemns.Options{Doubts: fakemns.Doubts{ZeroPriority: true}})
	const send = `<?xml version="1.0"?><Message xmlns="http://mns.aliyuncs.com/doc/v1/"><MessageBody>aGk=</MessageBody><Priority>0</Priority></Message>`
	require.Equal(t, 201, ask(s, "POST", "/queues/jobs/messages", send).Code, "declaration, namespace, priority 0 by switch")
	require.Equal(t, 201, ask(s, "POST", "/queues/jobs/messages", "<Message><MessageBody>aGk=</MessageBody></Message>", "Content-MD5", "e4dce4IYiBMd6awTQtV7JQ==").Code, "raw digest")
	require.Equal(t, 201, ask(s, "POST", "/queues/jobs/messages", "<Message><MessageBody>aGk=</MessageBody></Message>", "Content-MD5", "N2I4NzVjN2I4MjE4ODgxMzFkZTlhYzEzNDJkNTdiMjU=").Code, "digest of hex digits")
	require.Equal(t, 200, ask(s, "GET", "/a.b/queues/jobs", "").Code, "a prefix that is signed")

	w := ask(s, "POST", "/queues/jobs/messages", "<Messages><Message><MessageBody>x</MessageBody></Message><Message><MessageBody>y</MessageBody><Priority>17</Priority></Message></Messages>")
	require.Equal(t, 500, w.Code, "a batch that was sent in part")
	require.Contains(t, w.Body.String(), "<ErrorCode>InvalidArgument</ErrorCode>")
	require.NotContains(t, strings.Replace(w.Body.String(), "<Messages xmlns=", "", 1), "xmlns", "only the root has a namespace")
}

func TestTopicsFeedQueues(t *testing.T) {
	s, web := start(t, fakemns.Options{})
	s.Create("news")
	c := client(t, web, "id", "secret", "")
	m := mns.NewMNSTopicManager(c)
	require.NoError(t, m.CreateTopic("topic", 65536, false))
	topic := mns.NewMNSTopic("topic", c)
	for _, format := range []mns.NotifyContentFormatType{mns.XML, mns.SIMPLIFIED, "JSON"} {
		require.NoError(t, topic.Subscribe("sub-"+string(format), mns.MessageSubsribeRequest{
			Endpoint: topic.GenerateQueueEndpoint("news"), NotifyContentFormat: format,
		}))
	}
	attr, err := topic.GetSubscriptionAttributes("sub-XML")
	require.NoError(t, err)
	require.Equal(t, "acs:mns:cn-shanghai:"+account+":queues/news", attr.Endpoint)
	list, err := topic.ListSubscriptionByTopic("", 10, "")
	require.NoError(t, err)
	require.Len(t, list.Subscriptions, 3)

	heard := make(chan fakemns.Notice, 1)
	s.Subscribe("topic", "function", "", func(n fakemns.Notice) { heard <- n })
	sent, err := topic.PublishMessage(mns.MessagePublishRequest{MessageBody: "hello"})
	require.NoError(t, err)
	require.Equal(t, sent.MessageId, (<-heard).ID)
	got, err := receive(mns.NewMNSQueue("news", c), 16)
	require.NoError(t, err)
	require.Len(t, got, 3)
	all := ""
	for _, g := range got {
		all += g.MessageBody + "\n"
	}
	require.Contains(t, all, "<Message>hello</Message>")
	require.Contains(t, "\n"+all, "\nhello\n")
	require.Contains(t, all, `"MessageId":"`+sent.MessageId+`"`)

	require.NoError(t, topic.Unsubscribe("sub-XML"))
	require.NoError(t, m.DeleteTopic("topic"))
	_, err = topic.PublishMessage(mns.MessagePublishRequest{MessageBody: "hello"})
	require.True(t, mns.ERR_MNS_TOPIC_NOT_EXIST.IsEqual(err), "%v", err)
}

func TestWhichActionAPolicyMustName(t *testing.T) {
	policy, err := fakeram.ParsePolicy([]byte(`{"Version":"1","Statement":[{"Effect":"Allow","Action":["mns:SendMessage"],"Resource":["*"]}]}`))
	require.NoError(t, err)
	keys := fakeram.New(fakeram.Key{ID: "id", Secret: "secret", Policy: policy})
	for covers, want := range map[bool]int{false: 403, true: 201} {
		s := fakemns.New(fakemns.Options{Keys: keys, Doubts: fakemns.Doubts{SingleCoversBatch: covers}})
		s.Create("jobs")
		require.Equal(t, 201, ask(s, "POST", "/queues/jobs/messages", send).Code)
		require.Equal(t, want, ask(s, "POST", "/queues/jobs/messages", "<Messages>"+send+"</Messages>").Code)
	}
}
