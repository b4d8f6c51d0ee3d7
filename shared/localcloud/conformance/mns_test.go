package conformance_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	mns "github.com/aliyun/aliyun-mns-go-sdk"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakeram"
)

// mnsOperations are the calls of the message service with what they take.
var mnsOperations = map[string]string{
	"CreateQueue":        "DelaySeconds MaximumMessageSize MessageRetentionPeriod VisibilityTimeout PollingWaitSeconds LoggingEnabled DlqPolicy",
	"SetQueueAttributes": "DelaySeconds MaximumMessageSize MessageRetentionPeriod VisibilityTimeout PollingWaitSeconds LoggingEnabled",
	"GetQueueAttributes": "", "DeleteQueue": "", "ListQueue": "x-mns-marker x-mns-ret-number x-mns-prefix x-mns-with-meta",
	"SendMessage": "MessageBody DelaySeconds Priority UserProperties SystemProperties MessageGroupId", "BatchSendMessage": "Messages",
	"ReceiveMessage": "waitseconds", "BatchReceiveMessage": "numOfMessages waitseconds", "PeekMessage": "", "BatchPeekMessage": "numOfMessages",
	"DeleteMessage": "ReceiptHandle", "BatchDeleteMessage": "ReceiptHandles", "ChangeMessageVisibility": "ReceiptHandle VisibilityTimeout",
	"CreateTopic": "MaximumMessageSize LoggingEnabled", "SetTopicAttributes": "MaximumMessageSize LoggingEnabled", "GetTopicAttributes": "", "DeleteTopic": "",
	"ListTopic": "x-mns-marker x-mns-ret-number x-mns-prefix", "Subscribe": "Endpoint:queue Endpoint:http Endpoint:mail Endpoint:sms FilterTag NotifyStrategy NotifyContentFormat",
	"SetSubscriptionAttributes": "NotifyStrategy", "GetSubscriptionAttributes": "", "Unsubscribe": "", "ListSubscriptionByTopic": "x-mns-marker x-mns-ret-number x-mns-prefix",
	"PublishMessage": "MessageBody MessageTag MessageAttributes", "GetAccountAttributes": "", "SetAccountAttributes": "LoggingBucket", "OpenService": "",
}

// mnsErrors are the codes of the data plane.
const mnsErrors = `AccessDenied 403 InvalidAccessKeyId 403 InternalError 500 InternalServerError 500 InvalidAuthorizationHeader 400 InvalidDateHeader 400 InvalidArgument 400
	InvalidDigest 400 InvalidRequestURL 400 InvalidQueryString 400 MalformedXML 400 MissingAuthorizationHeader 400 MissingDateHeader 400 MissingVersionHeader 400
	MissingReceiptHandle 400 MissingVisibilityTimeout 400 MessageNotExist 404 QueueAlreadyExist 409 QueueDeletedRecently 400 InvalidQueueName 400 QueueNameLengthError 400
	QueueNotExist 404 ReceiptHandleError 400 SignatureDoesNotMatch 403 TimeExpired 408 QpsLimitExceeded 400 TooManyRequests 429 TopicAlreadyExist 409 TopicNotExist 404
	TopicNameInvalid 400 TopicNameLengthError 400 SubscriptionNotExist 404 SubscriptionAlreadyExist 409 SubscriptionNameInvalid 400 SubscriptionNameLengthError 400 EndpointInvalid 400`

// desk is a local cloud's queues with the bare client in front of them.
type desk struct {
	*localcloud.Cloud
	t *testing.T
	d dossier
	c mns.MNSClient
}

// dial keeps the account's host name in the request, as the client insists on it,
// and connects to the local cloud; change, when there is one, alters what was signed.
type dial struct {
	host   *fasthttp.HostClient
	change func(*fasthttp.Request)
}

func (d dial) RoundTrip(_ *fasthttp.HostClient, q *fasthttp.Request, p *fasthttp.Response) (bool, error) {
	if d.change != nil {
		d.change(q)
	}
	return false, d.host.Do(q, p)
}

func (m *desk) client(id, secret, token string, change func(*fasthttp.Request)) mns.MNSClient {
	env := m.Env()
	c := mns.NewAliMNSClientWithConfig(mns.AliMNSClientConfig{AccessKeyId: id, AccessKeySecret: secret, Token: token,
		EndPoint: "http://" + env["ALIBABA_CLOUD_ACCOUNT_ID"] + ".mns.cn-shanghai.aliyuncs.com"})
	host := &fasthttp.HostClient{Addr: strings.TrimPrefix(env["MNS_ENDPOINT"], "http://"), MaxIdemponentCallAttempts: 1}
	c.SetTransport(dial{host, change})
	m.t.Cleanup(host.CloseIdleConnections)
	return c
}

var codeIn = regexp.MustCompile(`<Code>(\w+)</Code>`)

// send makes a call through the client's own door and answers status and code.
func (m *desk) send(method mns.Method, resource, body string, headers ...string) string {
	return m.by(m.c, method, resource, body, headers...)
}

func (m *desk) by(c mns.MNSClient, method mns.Method, resource, body string, headers ...string) string {
	h := map[string]string{}
	for i := 0; i < len(headers); i += 2 {
		h[headers[i]] = headers[i+1]
	}
	var message any
	if body != "" {
		message = []byte(body)
	}
	resp, err := c.Send(method, h, message, resource)
	require.NoError(m.t, err)
	defer fasthttp.ReleaseResponse(resp)
	word := strconv.Itoa(resp.StatusCode())
	if found := codeIn.FindSubmatch(resp.Body()); found != nil {
		word += " " + string(found[1])
	}
	return word
}

// last is what the server says of the last call: operation, status, code.
func (m *desk) last() string {
	all := m.MNS.Calls()
	c := all[len(all)-1]
	return strings.TrimSpace(fmt.Sprint(c.Op, " ", c.Status, " ", c.Code))
}

// shown enters an operation that the client has just carried out, with parameters.
func (m *desk) shown(want string, parameters ...string) {
	require.Equal(m.t, want, m.last())
	op, _, _ := strings.Cut(want, " ")
	m.d.pass("MNS", op, "operation", "call")
	for _, name := range parameters {
		m.d.pass("MNS", op, "parameter", name)
	}
}

func (m *desk) refused(want, got string) {
	require.Equal(m.t, want, got)
	_, code, _ := strings.Cut(want, " ")
	m.d.pass("MNS", everyCall, "error", code)
}

// edge shows a limit from both sides.
func (m *desk) edge(op, limit, inside, outside string) {
	require.True(m.t, strings.HasPrefix(inside, "2"), "%s %s: %s", op, limit, inside)
	m.refused("400 InvalidArgument", outside)
	m.d.pass("MNS", op, "limit", limit)
}

func testMNS(t *testing.T, d dossier) {
	c := localcloud.RunT(t, localcloud.Options{Faults: "none"})
	env := c.Env()
	m := &desk{Cloud: c, t: t, d: d}
	m.c = m.client(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "", nil)
	for op, parameters := range mnsOperations {
		d.announce("MNS", op, "operation", "call", "")
		for _, name := range strings.Fields(parameters) {
			d.announce("MNS", op, "parameter", name, "")
		}
	}
	words := strings.Fields(mnsErrors)
	for i := 0; i < len(words); i += 2 {
		d.announce("MNS", everyCall, "error", words[i], words[i+1])
	}
	d.announce("MNS", everyCall, "parameter", "signature version 4", "")
	m.queues()
	m.messages()
	m.topics()
	m.limits()
	m.errors()
	doubts(t, d, "MNS", "fakemns/server.go", "Doubts")
}

func (m *desk) queues() {
	t := m.t
	manage := mns.NewMNSQueueManager(m.c)
	attributes := []string{"DelaySeconds", "MaximumMessageSize", "MessageRetentionPeriod", "VisibilityTimeout", "PollingWaitSeconds", "LoggingEnabled"}
	require.NoError(t, manage.CreateQueueWithOptions("jobs", mns.WithDelaySeconds(1), mns.WithMaxMessageSize(2048), mns.WithMessageRetentionPeriod(600),
		mns.WithVisibilityTimeout(45), mns.WithPollingWaitSeconds(2), mns.WithLoggingEnabled(true)))
	m.shown("CreateQueue 201")
	same := func(op string, want ...any) {
		a, err := manage.GetQueueAttributes("jobs")
		require.NoError(t, err)
		require.Equal(t, want, []any{a.DelaySeconds, a.MaxMessageSize, a.MessageRetentionPeriod, a.VisibilityTimeout, a.PollingWaitSeconds, a.LoggingEnabled})
		m.shown("GetQueueAttributes 200")
		for _, name := range attributes {
			m.d.pass("MNS", op, "parameter", name)
		}
	}
	same("CreateQueue", int32(1), int32(2048), int32(600), int32(45), int32(2), true)
	require.True(t, mns.ERR_MNS_QUEUE_ALREADY_EXIST.IsEqual(manage.CreateSimpleQueue("jobs")))
	require.NoError(t, manage.SetQueueAttributes("jobs", 0, 65536, 1200, 30, 0, 2))
	m.shown("SetQueueAttributes 204")
	same("SetQueueAttributes", int32(0), int32(65536), int32(1200), int32(30), int32(0), false)
	for i := range 3 {
		require.NoError(t, manage.CreateSimpleQueue(fmt.Sprint("list-", i)))
	}
	require.True(t, mns.ERR_MNS_QUEUE_ALREADY_EXIST_AND_HAVE_SAME_ATTR.IsEqual(manage.CreateSimpleQueue("list-0")))
	page, err := manage.ListQueue("", 2, "list-")
	require.NoError(t, err)
	require.Len(t, page.Queues, 2)
	rest, err := manage.ListQueue(page.NextMarker, 2, "list-")
	require.NoError(t, err)
	require.Len(t, rest.Queues, 1)
	require.Empty(t, rest.NextMarker)
	m.shown("ListQueue 200", "x-mns-marker", "x-mns-ret-number", "x-mns-prefix")
	detail, err := manage.ListQueueDetail("", 5, "list-")
	require.NoError(t, err)
	require.EqualValues(t, 30, detail.Attrs[0].VisibilityTimeout)
	m.shown("ListQueue 200", "x-mns-with-meta")
	require.NoError(t, manage.DeleteQueue("list-0"))
	m.shown("DeleteQueue 204")
}

// either turns the client's two channels into a return.
func either[T any](t *testing.T, got chan T, failed chan error) (T, error) {
	t.Helper()
	var none T
	select {
	case v := <-got:
		return v, nil
	case err := <-failed:
		return none, err
	case <-time.After(40 * time.Second):
		require.FailNow(t, "no answer")
		return none, nil
	}
}

func must[T any](t *testing.T, got chan T, failed chan error) T {
	t.Helper()
	v, err := either(t, got, failed)
	require.NoError(t, err)
	return v
}

func (m *desk) messages() {
	t := m.t
	q := mns.NewMNSQueue("jobs", m.c)
	one, err := q.SendMessage(mns.MessageSendRequest{MessageBody: "aGk=", Priority: 1})
	require.NoError(t, err)
	require.Equal(t, "9A2FC0017AF31B9194A45FB6819E6DAA", one.MessageBodyMD5)
	late, err := q.SendMessage(mns.MessageSendRequest{MessageBody: "late", Priority: 8, DelaySeconds: 600})
	require.NoError(t, err)
	require.NotEmpty(t, late.ReceiptHandle)
	m.shown("SendMessage 201", "MessageBody")
	many, err := q.BatchSendMessage(mns.MessageSendRequest{MessageBody: "<&>", Priority: 9}, mns.MessageSendRequest{MessageBody: "b", Priority: 10})
	require.NoError(t, err)
	require.Len(t, many.Messages, 2)
	m.shown("BatchSendMessage 201", "Messages")

	ones, all, failed := make(chan mns.MessageReceiveResponse, 1), make(chan mns.BatchMessageReceiveResponse, 1), make(chan error, 1)
	q.PeekMessage(ones, failed)
	require.Equal(t, one.MessageId, must(t, ones, failed).MessageId)
	m.shown("PeekMessage 200")
	q.BatchPeekMessage(all, failed, 16)
	require.Len(t, must(t, all, failed).Messages, 3, "the delayed one is not seen")
	m.shown("BatchPeekMessage 200", "numOfMessages")
	m.d.pass("MNS", "SendMessage", "parameter", "DelaySeconds")
	q.ReceiveMessage(ones, failed, 1)
	first := must(t, ones, failed)
	require.Equal(t, one.MessageId, first.MessageId)
	require.EqualValues(t, 1, first.DequeueCount)
	m.shown("ReceiveMessage 200")
	m.d.pass("MNS", "SendMessage", "parameter", "Priority")
	q.BatchReceiveMessage(all, failed, 16) // a wait of 0 would be no call at all
	rest := must(t, all, failed).Messages
	require.Equal(t, "<&>", rest[0].MessageBody)
	m.shown("BatchReceiveMessage 200", "numOfMessages")
	began := time.Now()
	q.ReceiveMessage(ones, failed, 1)
	_, err = either(t, ones, failed)
	require.True(t, mns.ERR_MNS_MESSAGE_NOT_EXIST.IsEqual(err))
	require.GreaterOrEqual(t, time.Since(began), 500*time.Millisecond)
	m.d.pass("MNS", "ReceiveMessage", "parameter", "waitseconds")
	began = time.Now()
	go q.BatchReceiveMessage(all, failed, 16, 20)
	_, err = m.MNS.Enqueue("jobs", "x") // before the receive or while it waits
	require.NoError(t, err)
	got := must(t, all, failed).Messages
	require.Less(t, time.Since(began), 10*time.Second)
	m.d.pass("MNS", "BatchReceiveMessage", "parameter", "waitseconds")

	changed, err := q.ChangeMessageVisibility(first.ReceiptHandle, 60)
	require.NoError(t, err)
	require.InDelta(t, time.Now().Add(time.Minute).UnixMilli(), changed.NextVisibleTime, 5000)
	m.shown("ChangeMessageVisibility 200", "ReceiptHandle", "VisibilityTimeout")
	require.True(t, mns.ERR_MNS_MESSAGE_NOT_EXIST.IsEqual(q.DeleteMessage(first.ReceiptHandle)), "the old handle is dead")
	require.NoError(t, q.DeleteMessage(changed.ReceiptHandle))
	m.shown("DeleteMessage 204", "ReceiptHandle")
	left, err := q.BatchDeleteMessage(rest[0].ReceiptHandle, "nonsense")
	require.True(t, mns.ERR_MNS_BATCH_OP_FAIL.IsEqual(err))
	require.Len(t, left.FailedMessages, 1)
	_, err = q.BatchDeleteMessage(rest[1].ReceiptHandle, got[0].ReceiptHandle)
	require.NoError(t, err)
	m.shown("BatchDeleteMessage 204", "ReceiptHandles")

	require.Equal(t, "201", m.send(mns.POST, "queues/jobs/messages", "<Message><MessageBody>p</MessageBody><UserProperties><PropertyValue><Name>n</Name><Value>v</Value><Type>STRING</Type></PropertyValue></UserProperties></Message>"))
	resp, err := m.c.Send(mns.GET, nil, nil, "queues/jobs/messages")
	require.NoError(t, err)
	require.Contains(t, string(resp.Body()), "<Name>n</Name>")
	fasthttp.ReleaseResponse(resp)
	m.d.pass("MNS", "SendMessage", "parameter", "UserProperties")
}

func (m *desk) topics() {
	t := m.t
	manage := mns.NewMNSTopicManager(m.c)
	require.NoError(t, manage.CreateTopic("news", 2048, true))
	m.shown("CreateTopic 201", "MaximumMessageSize", "LoggingEnabled")
	a, err := manage.GetTopicAttributes("news")
	require.NoError(t, err)
	require.Equal(t, []any{int32(2048), true}, []any{a.MaxMessageSize, a.LoggingEnabled})
	m.shown("GetTopicAttributes 200")
	require.NoError(t, manage.SetTopicAttributes("news", 4096, false))
	m.shown("SetTopicAttributes 204", "MaximumMessageSize", "LoggingEnabled")
	require.NoError(t, manage.CreateSimpleTopic("other"))
	list, err := manage.ListTopic("", 1, "")
	require.NoError(t, err)
	require.Len(t, list.Topics, 1)
	list, err = manage.ListTopic(list.NextMarker, 1, "o")
	require.NoError(t, err)
	require.Len(t, list.Topics, 1)
	m.shown("ListTopic 200", "x-mns-marker", "x-mns-ret-number", "x-mns-prefix")

	topic := mns.NewMNSTopic("news", m.c)
	queue := topic.GenerateQueueEndpoint("list-1")
	for name, format := range map[string]mns.NotifyContentFormatType{"plain": mns.SIMPLIFIED, "json": "JSON", "xml": mns.XML} {
		require.NoError(t, topic.Subscribe(name, mns.MessageSubsribeRequest{Endpoint: queue, FilterTag: name, NotifyStrategy: mns.EXPONENTIAL_DECAY_RETRY, NotifyContentFormat: format}))
	}
	m.shown("Subscribe 201")
	sub, err := topic.GetSubscriptionAttributes("plain")
	require.NoError(t, err)
	require.Equal(t, []any{"plain", queue, mns.EXPONENTIAL_DECAY_RETRY}, []any{sub.FilterTag, sub.Endpoint, sub.NotifyStrategy})
	m.shown("GetSubscriptionAttributes 200")
	require.NoError(t, topic.SetSubscriptionAttributes("plain", mns.BACKOFF_RETRY))
	m.shown("SetSubscriptionAttributes 204", "NotifyStrategy")
	subs, err := topic.ListSubscriptionByTopic("", 2, "")
	require.NoError(t, err)
	require.Len(t, subs.Subscriptions, 2)
	subs, err = topic.ListSubscriptionByTopic(subs.NextMarker, 2, "x")
	require.NoError(t, err)
	require.Len(t, subs.Subscriptions, 1)
	m.shown("ListSubscriptionByTopic 200", "x-mns-marker", "x-mns-ret-number", "x-mns-prefix")
	for tag, want := range map[string]string{"plain": "^hello$", "json": `"Message":"hello"`, "xml": "<Message>hello</Message>"} {
		_, err = topic.PublishMessage(mns.MessagePublishRequest{MessageBody: "hello", MessageTag: tag})
		require.NoError(t, err)
		m.shown("PublishMessage 201", "MessageBody", "MessageTag")
		all, failed := make(chan mns.BatchMessageReceiveResponse, 1), make(chan error, 1)
		mns.NewMNSQueue("list-1", m.c).BatchReceiveMessage(all, failed, 16, 5)
		got := must(t, all, failed)
		require.Len(t, got.Messages, 1, "the tag chooses the subscription")
		require.Regexp(t, want, got.Messages[0].MessageBody)
	}
	for _, name := range []string{"Endpoint:queue", "FilterTag", "NotifyStrategy", "NotifyContentFormat"} {
		m.d.pass("MNS", "Subscribe", "parameter", name)
	}
	for kind, endpoint := range map[string]string{"http": "http://h/x", "mail": topic.GenerateMailEndpoint("a@b.c"), "sms": "sms:directsms:anonymous"} {
		m.d.announce("MNS", "Subscribe", "parameter", "Endpoint:"+kind, "refused by name")
		m.refused("501 NotImplemented", m.send(mns.PUT, "topics/news/subscriptions/"+kind, "<Subscription><Endpoint>"+endpoint+"</Endpoint></Subscription>"))
	}
	m.refused("409 SubscriptionAlreadyExist", m.send(mns.PUT, "topics/news/subscriptions/plain", "<Subscription><Endpoint>"+queue+"</Endpoint><FilterTag>z</FilterTag></Subscription>"))
	require.NoError(t, topic.Unsubscribe("plain"))
	m.shown("Unsubscribe 204")
	require.NoError(t, manage.DeleteTopic("other"))
	m.shown("DeleteTopic 204")
}

func (m *desk) limits() {
	queue := func(element string, n int) string {
		m.MNS.Create("fresh")
		return m.send(mns.PUT, "queues/fresh?metaoverride=true", fmt.Sprintf("<Queue><%s>%d</%s></Queue>", element, n, element))
	}
	for _, l := range []struct {
		element   string
		low, high int
	}{{"DelaySeconds", 0, 604800}, {"MaximumMessageSize", 1024, 65536}, {"MessageRetentionPeriod", 60, 604800}, {"VisibilityTimeout", 1, 43200}, {"PollingWaitSeconds", 0, 30}} {
		limit := fmt.Sprintf("%s %d to %d", l.element, l.low, l.high)
		m.edge("SetQueueAttributes", limit, queue(l.element, l.low), queue(l.element, l.low-1))
		m.edge("SetQueueAttributes", limit, queue(l.element, l.high), queue(l.element, l.high+1))
	}
	require.Equal(m.t, "204", queue("DelaySeconds", 0))
	message := func(inner string) string {
		return m.send(mns.POST, "queues/list-2/messages", "<Message>"+inner+"</Message>")
	}
	body := "<MessageBody>x</MessageBody>"
	m.edge("SendMessage", "Priority 1 to 16", message(body+"<Priority>1</Priority>"), message(body+"<Priority>0</Priority>"))
	m.edge("SendMessage", "Priority 1 to 16", message(body+"<Priority>16</Priority>"), message(body+"<Priority>17</Priority>"))
	m.edge("SendMessage", "DelaySeconds 0 to 604800", message(body+"<DelaySeconds>604800</DelaySeconds>"), message(body+"<DelaySeconds>604801</DelaySeconds>"))
	text := func(n int) string { return "<MessageBody>" + strings.Repeat("x", n) + "</MessageBody>" }
	m.edge("SendMessage", "MessageBody ≤ 65,536 bytes", message(text(65536)), message(text(65537)))
	m.edge("SendMessage", "MessageBody required", message(body), message("<Priority>1</Priority>"))
	batch := func(n, size int) string {
		return m.send(mns.POST, "queues/list-2/messages", "<Messages>"+strings.Repeat("<Message>"+text(size)+"</Message>", n)+"</Messages>")
	}
	m.edge("BatchSendMessage", "≤ 16 messages", batch(16, 1), batch(17, 1))
	m.edge("BatchSendMessage", "≤ 65,536 bytes together", batch(16, 4096), batch(16, 4097))
	receive := func(query string) string { return m.send(mns.GET, "queues/list-2/messages?"+query, "") }
	beyond := func(op, limit, inside, outside string) {
		require.True(m.t, strings.HasPrefix(inside, "2"), "%s: %s", limit, inside)
		require.True(m.t, strings.HasPrefix(outside, "400 "), "%s: %s", limit, outside)
		_, code, _ := strings.Cut(outside, " ")
		m.refused("400 "+code, outside)
		m.d.pass("MNS", op, "limit", limit)
	}
	beyond("BatchPeekMessage", "numOfMessages 1 to 16", receive("peekonly=true&numOfMessages=16"), receive("peekonly=true&numOfMessages=17"))
	beyond("BatchReceiveMessage", "numOfMessages 1 to 16", receive("numOfMessages=1"), receive("numOfMessages=0"))
	beyond("BatchReceiveMessage", "numOfMessages 1 to 16", receive("numOfMessages=16"), receive("numOfMessages=17"))
	beyond("ReceiveMessage", "waitseconds 0 to 30", receive("waitseconds=30"), receive("waitseconds=31"))
	handle := func() string {
		m.MNS.Create("one")
		_, err := m.MNS.Enqueue("one", "x")
		require.NoError(m.t, err)
		got, err := m.MNS.Receive(m.t.Context(), "one", 1, 0, time.Minute)
		require.NoError(m.t, err)
		return got[0].Handle
	}
	visible := func(n int) string {
		return m.send(mns.PUT, fmt.Sprintf("queues/one/messages?ReceiptHandle=%s&VisibilityTimeout=%d", handle(), n), "")
	}
	beyond("ChangeMessageVisibility", "VisibilityTimeout 1 to 43200", visible(1), visible(0))
	beyond("ChangeMessageVisibility", "VisibilityTimeout 1 to 43200", visible(43200), visible(43201))
	var handles strings.Builder
	for range 16 {
		handles.WriteString("<ReceiptHandle>" + handle() + "</ReceiptHandle>")
	}
	beyond("BatchDeleteMessage", "≤ 16 handles", m.send(mns.DELETE, "queues/one/messages", "<ReceiptHandles>"+handles.String()+"</ReceiptHandles>"),
		m.send(mns.DELETE, "queues/one/messages", "<ReceiptHandles>"+handles.String()+"<ReceiptHandle>x</ReceiptHandle></ReceiptHandles>"))
	name := func(n int) string { return m.send(mns.PUT, "queues/"+strings.Repeat("q", n), "<Queue/>") }
	beyond("CreateQueue", "name ≤ 120 characters", name(120), name(121))
	beyond("ListQueue", "x-mns-ret-number ≤ 1000", m.send(mns.GET, "queues", "", "x-mns-ret-number", "1000"), m.send(mns.GET, "queues", "", "x-mns-ret-number", "1001"))
	for i := len(m.MNS.Queues()); i < 1000; i++ {
		m.MNS.Create(fmt.Sprint("filler-", i))
	}
	m.d.announce("MNS", "CreateQueue", "limit", "1,000 queues of an account", "")
	if strings.HasPrefix(m.send(mns.PUT, "queues/one-too-many", "<Queue/>"), "4") {
		m.d.pass("MNS", "CreateQueue", "limit", "1,000 queues of an account")
	}
	m.d.announce("MNS", everyCall, "limit", "20,000 messages a second", "")
}

func (m *desk) errors() {
	m.refused("404 QueueNotExist", m.send(mns.GET, "queues/nobody", ""))
	m.refused("404 MessageNotExist", m.send(mns.GET, "queues/filler-999/messages", ""))
	m.refused("409 QueueAlreadyExist", m.send(mns.PUT, "queues/list-2", "<Queue><DelaySeconds>9</DelaySeconds></Queue>"))
	m.refused("400 InvalidQueueName", m.send(mns.PUT, "queues/-a", "<Queue/>"))
	m.refused("400 QueueNameLengthError", m.send(mns.PUT, "queues/"+strings.Repeat("q", 300), "<Queue/>"))
	m.refused("400 ReceiptHandleError", m.send(mns.DELETE, "queues/list-2/messages?ReceiptHandle=nonsense", ""))
	m.refused("400 MissingReceiptHandle", m.send(mns.DELETE, "queues/list-2/messages", ""))
	m.refused("400 MissingVisibilityTimeout", m.send(mns.PUT, "queues/list-2/messages?ReceiptHandle=x", ""))
	m.refused("400 MalformedXML", m.send(mns.POST, "queues/list-2/messages", "<Message>"))
	m.refused("400 InvalidQueryString", m.send(mns.GET, "queues/list-2/messages?WaitSeconds=1", ""))
	m.refused("400 InvalidRequestURL", m.send(mns.GET, "elsewhere", ""))
	m.refused("404 TopicNotExist", m.send(mns.GET, "topics/nobody", ""))
	m.refused("409 TopicAlreadyExist", m.send(mns.PUT, "topics/news", "<Topic><MaximumMessageSize>1024</MaximumMessageSize></Topic>"))
	m.refused("400 TopicNameInvalid", m.send(mns.PUT, "topics/-a", "<Topic/>"))
	m.refused("400 TopicNameLengthError", m.send(mns.PUT, "topics/"+strings.Repeat("t", 300), "<Topic/>"))
	m.refused("404 SubscriptionNotExist", m.send(mns.GET, "topics/news/subscriptions/nobody", ""))
	sub := "<Subscription><Endpoint>acs:mns:cn-shanghai:" + m.Env()["ALIBABA_CLOUD_ACCOUNT_ID"] + ":queues/list-1</Endpoint></Subscription>"
	m.refused("400 SubscriptionNameInvalid", m.send(mns.PUT, "topics/news/subscriptions/-a", sub))
	m.refused("400 SubscriptionNameLengthError", m.send(mns.PUT, "topics/news/subscriptions/"+strings.Repeat("s", 300), sub))

	env := m.Env()
	id, secret, account := env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], env["ALIBABA_CLOUD_ACCOUNT_ID"]
	none, err := fakeram.ParsePolicy([]byte(`{"Version":"1","Statement":[{"Effect":"Allow","Action":["mns:ListQueue"],"Resource":["*"]}]}`))
	require.NoError(m.t, err)
	m.Keys.Add(fakeram.Key{ID: "lister", Secret: "s", Account: account, Policy: none})
	role := m.Keys.Mint("role", account, time.Hour)
	require.Equal(m.t, "200", m.by(m.client(role.ID, role.Secret, role.Token, nil), mns.GET, "queues/list-2", ""))
	m.d.pass("MNS", everyCall, "parameter", "security-token")
	header := func(name, value string) func(*fasthttp.Request) {
		return func(q *fasthttp.Request) {
			q.Header.Del(name)
			if value != "" {
				q.Header.Set(name, value)
			}
		}
	}
	for want, c := range map[string]mns.MNSClient{
		"403 InvalidAccessKeyId":         m.client("nobody", secret, "", nil),
		"403 SignatureDoesNotMatch":      m.client(id, "wrong", "", nil),
		"403 AccessDenied":               m.client("lister", "s", "", nil),
		"400 MissingAuthorizationHeader": m.client(id, secret, "", header("Authorization", "")),
		"400 InvalidAuthorizationHeader": m.client(id, secret, "", header("Authorization", "Basic x")),
		"400 MissingDateHeader":          m.client(id, secret, "", header("Date", "")),
		"400 InvalidDateHeader":          m.client(id, secret, "", header("Date", "today")),
		"400 MissingVersionHeader":       m.client(id, secret, "", header("x-mns-version", "")),
		"408 TimeExpired":                m.client(id, secret, "", header("Date", time.Now().Add(-16*time.Minute).UTC().Format(http.TimeFormat))),
	} {
		m.refused(want, m.by(c, mns.GET, "queues/list-2", ""))
	}
	m.refused("400 InvalidDigest", m.by(m.client(id, secret, "", func(q *fasthttp.Request) { q.SetBodyString("<Message><MessageBody>y</MessageBody></Message>") }),
		mns.POST, "queues/list-2/messages", "<Message><MessageBody>x</MessageBody></Message>"))
	for _, f := range []struct {
		kind, code string
		status     int
	}{{"throttle", "TooManyRequests", 429}, {"throttle", "QpsLimitExceeded", 400}, {"error", "InternalError", 500}, {"error", "InternalServerError", 500}} {
		m.SetFaults(localcloud.Fault{Service: "mns", Op: "*", Kind: f.kind, Probability: 1, Status: f.status, Code: f.code})
		m.refused(fmt.Sprint(f.status, " ", f.code), m.send(mns.GET, "queues/list-2", ""))
		m.SetFaults()
		m.d[key{"MNS", everyCall, "error", f.code}] = verdict{verdict: passed, note: fmt.Sprint(f.status, ", as a fault")}
	}
	// What no client of ours calls is refused, not passed over.
	require.Equal(m.t, "501 NotImplemented", m.send(mns.POST, "commonbuy/openservice", "<x/>"))
	require.Equal(m.t, "501 NotImplemented", m.send(mns.GET, "?accountmeta=true", ""))
}
