package fakemns_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	mns "github.com/aliyun/aliyun-mns-go-sdk"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakeram"
)

const account = "1234567890123456"

// redirect keeps the account's host name in the request and dials the emulator.
type redirect struct{ hc *fasthttp.HostClient }

func (r redirect) RoundTrip(_ *fasthttp.HostClient, q *fasthttp.Request, p *fasthttp.Response) (bool, error) {
	return false, r.hc.Do(q, p)
}

func start(t *testing.T, opt fakemns.Options) (*fakemns.Server, *httptest.Server) {
	t.Helper()
	if opt.Keys == nil {
		opt.Keys = fakeram.New(fakeram.Key{ID: "id", Secret: "secret", Account: account})
	}
	s := fakemns.New(opt)
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	t.Cleanup(s.Close)
	return s, web
}

func client(t *testing.T, web *httptest.Server, id, secret, token string) mns.MNSClient {
	t.Helper()
	c := mns.NewAliMNSClientWithConfig(mns.AliMNSClientConfig{
		EndPoint: "http://" + account + ".mns.cn-shanghai.aliyuncs.com", AccessKeyId: id, AccessKeySecret: secret, Token: token,
	})
	hc := &fasthttp.HostClient{Addr: strings.TrimPrefix(web.URL, "http://"), MaxIdemponentCallAttempts: 1}
	c.SetTransport(redirect{hc})
	t.Cleanup(hc.CloseIdleConnections)
	return c
}

// receive turns the SDK's channels into a return.
func receive(q mns.AliMNSQueue, most int32, wait ...int64) ([]mns.MessageReceiveResponse, error) {
	got, failed := make(chan mns.BatchMessageReceiveResponse, 1), make(chan error, 1)
	q.BatchReceiveMessage(got, failed, most, wait...)
	select {
	case r := <-got:
		return r.Messages, nil
	case err := <-failed:
		return nil, err
	}
}

func TestTheOfficialClientManagesQueues(t *testing.T) {
	s, web := start(t, fakemns.Options{})
	m := mns.NewMNSQueueManager(client(t, web, "id", "secret", ""))

	require.NoError(t, m.CreateQueue("jobs", 0, 65536, 345600, 30, 0, 2))
	require.True(t, mns.ERR_MNS_QUEUE_ALREADY_EXIST_AND_HAVE_SAME_ATTR.IsEqual(m.CreateQueue("jobs", 0, 65536, 345600, 30, 0, 2)))
	require.True(t, mns.ERR_MNS_QUEUE_ALREADY_EXIST.IsEqual(m.CreateQueue("jobs", 1, 65536, 345600, 30, 0, 2)))
	require.NoError(t, m.SetQueueAttributes("jobs", 0, 2048, 600, 45, 5, 2))
	attr, err := m.GetQueueAttributes("jobs")
	require.NoError(t, err)
	require.Equal(t, "jobs", attr.QueueName)
	require.EqualValues(t, 45, attr.VisibilityTimeout)
	require.EqualValues(t, 2048, attr.MaxMessageSize)
	require.EqualValues(t, 5, attr.PollingWaitSeconds)

	for i := range 5 {
		s.Create(fmt.Sprintf("list-%d", i))
	}
	var names []string
	for marker := ""; ; {
		page, err := m.ListQueue(marker, 2, "list-")
		require.NoError(t, err)
		for _, q := range page.Queues {
			names = append(names, q.QueueURL)
		}
		if marker = page.NextMarker; marker == "" {
			break
		}
	}
	require.Len(t, names, 5)
	require.NoError(t, m.DeleteQueue("jobs"))
	_, err = m.GetQueueAttributes("jobs")
	require.True(t, mns.ERR_MNS_QUEUE_NOT_EXIST.IsEqual(err), "%v", err)
}

func TestTheOfficialClientSendsReceivesAndDeletes(t *testing.T) {
	s, web := start(t, fakemns.Options{})
	s.Create("jobs")
	q := mns.NewMNSQueue("jobs", client(t, web, "id", "secret", ""))

	_, err := receive(q, 16)
	require.True(t, mns.ERR_MNS_MESSAGE_NOT_EXIST.IsEqual(err), "an empty queue: %v", err)
	_, err = q.SendMessage(mns.MessageSendRequest{MessageBody: "x"})
	require.True(t, mns.ERR_MNS_INVALID_ARGUMENT.IsEqual(err), "priority 0: %v", err)

	one, err := q.SendMessage(mns.MessageSendRequest{MessageBody: "aGk=", Priority: 8})
	require.NoError(t, err)
	require.Equal(t, "9A2FC0017AF31B9194A45FB6819E6DAA", one.MessageBodyMD5)
	var batch []mns.MessageSendRequest
	for i := range 15 {
		batch = append(batch, mns.MessageSendRequest{MessageBody: fmt.Sprintf("<%d&\n>", i), Priority: 9})
	}
	many, err := q.BatchSendMessage(batch...)
	require.NoError(t, err)
	require.Len(t, many.Messages, 15)

	peeked, failed := make(chan mns.BatchMessageReceiveResponse, 1), make(chan error, 1)
	q.BatchPeekMessage(peeked, failed, 16)
	require.Len(t, (<-peeked).Messages, 16)

	got, err := receive(q, 16)
	require.NoError(t, err)
	require.Len(t, got, 16)
	require.Equal(t, one.MessageId, got[0].MessageId, "the better priority comes first")
	require.Equal(t, "<0&\n>", got[1].MessageBody)
	require.EqualValues(t, 1, got[0].DequeueCount)
	require.InDelta(t, time.Now().UnixMilli(), got[0].EnqueueTime, 10_000)
	require.InDelta(t, 30_000, got[0].NextVisibleTime-got[0].FirstDequeueTime, 50)

	changed, err := q.ChangeMessageVisibility(got[0].ReceiptHandle, 60)
	require.NoError(t, err)
	require.NotEqual(t, got[0].ReceiptHandle, changed.ReceiptHandle)
	require.True(t, mns.ERR_MNS_MESSAGE_NOT_EXIST.IsEqual(q.DeleteMessage(got[0].ReceiptHandle)), "the old handle is dead")
	require.NoError(t, q.DeleteMessage(changed.ReceiptHandle))

	handles := []string{"nonsense"}
	for _, m := range got[1:] {
		handles = append(handles, m.ReceiptHandle)
	}
	left, err := q.BatchDeleteMessage(handles...)
	require.True(t, mns.ERR_MNS_BATCH_OP_FAIL.IsEqual(err), "%v", err)
	require.Len(t, left.FailedMessages, 1)
	require.Equal(t, "ReceiptHandleError", left.FailedMessages[0].ErrorCode)
	require.Zero(t, s.Stats("jobs"))
	require.Equal(t, 2, s.Log().Count("BatchReceiveMessage"))
}

func TestALongPollEndsWithTheFirstMessage(t *testing.T) {
	s, web := start(t, fakemns.Options{})
	s.Create("jobs")
	q := mns.NewMNSQueue("jobs", client(t, web, "id", "secret", ""))
	began := time.Now()
	done := make(chan error, 1)
	go func() {
		_, err := receive(q, 1, 20)
		done <- err
	}()
	_, err := s.Enqueue("jobs", "x")
	require.NoError(t, err)
	require.NoError(t, <-done)
	require.Less(t, time.Since(began), 10*time.Second)
}

func TestKeysSignaturesAndRightsAreChecked(t *testing.T) {
	keys := fakeram.New(fakeram.Key{ID: "id", Secret: "secret", Account: account})
	policy, err := fakeram.ParsePolicy([]byte(`{"Version":"1","Statement":[{"Effect":"Allow","Action":["mns:SendMessage"],"Resource":["acs:mns:*:*:/queues/jobs/messages"]}]}`))
	require.NoError(t, err)
	keys.SetRole("sender", policy)
	role := keys.Mint("sender", account, time.Hour)
	s, web := start(t, fakemns.Options{Keys: keys})
	s.Create("jobs")
	s.Create("other")
	send := func(queue, id, secret, token string) error {
		_, err := mns.NewMNSQueue(queue, client(t, web, id, secret, token)).
			SendMessage(mns.MessageSendRequest{MessageBody: "x", Priority: 8})
		return err
	}
	require.NoError(t, send("jobs", role.ID, role.Secret, role.Token))
	require.True(t, mns.ERR_MNS_ACCESS_DENIED.IsEqual(send("other", role.ID, role.Secret, role.Token)))
	require.True(t, mns.ERR_MNS_INVALID_ACCESS_KEY_ID.IsEqual(send("jobs", role.ID, role.Secret, "wrong")))
	require.True(t, mns.ERR_MNS_INVALID_ACCESS_KEY_ID.IsEqual(send("jobs", "who", "secret", "")))
	require.True(t, mns.ERR_MNS_SIGNATURE_DOES_NOT_MATCH.IsEqual(send("jobs", "id", "wrong", "")))
	require.NoError(t, send("other", "id", "secret", ""))
}
