package fakemns_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakemns"
)

// raw sends a request that is signed by sign, which gets its headers and target.
func raw(t *testing.T, web *httptest.Server, sign func(method, path, query string, h map[string]string) string, method, path, query, body string, more ...string) string {
	t.Helper()
	h := map[string]string{"x-mns-version": "2015-06-06", "content-type": "text/xml"}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	target := (&url.URL{Path: path}).EscapedPath()
	if query != "" {
		target += "?" + query
	}
	r, err := http.NewRequestWithContext(t.Context(), method, web.URL+target, strings.NewReader(body))
	require.NoError(t, err)
	h["date"] = time.Now().UTC().Format(http.TimeFormat)
	h["authorization"] = sign(method, path, query, h)
	for name, value := range h {
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return fmt.Sprint(resp.StatusCode, " ", string(out))
}

func lines(h map[string]string, also ...string) string {
	out := ""
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if strings.HasPrefix(name, "x-mns-") || slices.Contains(also, name) {
			out += name + ":" + h[name] + "\n"
		}
	}
	return out
}

func byV1(method, path, query string, h map[string]string) string {
	if query != "" {
		path += "?" + query
	}
	mac := hmac.New(sha1.New, []byte("secret"))
	mac.Write([]byte(method + "\n\n" + h["content-type"] + "\n" + h["date"] + "\n" + lines(h) + path))
	return "MNS id:" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// version4 is the signature as its description has it, for the moment at.
func version4(id, secret, region string, at time.Time, method, path, query string, h map[string]string) string {
	values, _ := url.ParseQuery(query)
	var params []string
	for name := range values {
		param := escape(strings.ToLower(name))
		if v := values.Get(name); v != "" {
			param += "=" + escape(v)
		}
		params = append(params, param)
	}
	slices.Sort(params)
	stamp := at.UTC().Format("20060102T150405Z")
	scope := stamp[:8] + "/" + region + "/mns/aliyun_v4_request"
	request := method + "\n" + strings.ReplaceAll(escape(path), "%2F", "/") + "\n" + strings.Join(params, "&") + "\n" + lines(h, "content-type", "content-md5") + "\n"
	key := []byte("aliyun_v4" + secret)
	for _, part := range append(strings.Split(scope, "/"), "MNS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+request) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return "MNS4-HMAC-SHA256 Credential=" + id + "/" + scope + ",Signature=" + hex.EncodeToString(key)
}

func byV4(method, path, query string, h map[string]string) string {
	return version4("id", "secret", "cn-shanghai", time.Now(), method, path, query, h)
}

// A value that the provider's own client tests hold, so that these tests sign as it does.
func TestThePublishedSignatureOfVersion4(t *testing.T) {
	at := time.Date(2025, 6, 3, 10, 52, 35, 0, time.UTC)
	require.True(t, strings.HasSuffix(version4("ak1", "sk1", "region1", at, "POST", "/queues/TestQueue/", "param1=abc&PARAM2=d++ef&PARAM3=%5Bdef%5D%23bbb&PARAM4=中文参数", nil),
		"=1fc6013f158d4c3aba09570895a2a93c8445c2c5213d82a1463baf602cf0d945"))
}

func TestEveryOperationByBothSignatures(t *testing.T) {
	for name, sign := range map[string]func(string, string, string, map[string]string) string{"V1": byV1, "V4": byV4} {
		t.Run(name, func(t *testing.T) {
			_, web := start(t, fakemns.Options{})
			do := func(want, method, path, query, body string, more ...string) string {
				t.Helper()
				got := raw(t, web, sign, method, path, query, body, more...)
				require.Contains(t, got, want)
				return got
			}
			queue := "acs:mns:cn-shanghai:" + account + ":queues/q"
			do("201", "PUT", "/queues/q", "", "<Queue/>")
			do("204", "PUT", "/queues/q", "metaoverride=true", "<Queue><VisibilityTimeout>3</VisibilityTimeout></Queue>")
			do("<VisibilityTimeout>3<", "GET", "/queues/q", "", "")
			do("/queues/q<", "GET", "/queues", "", "", "x-mns-prefix", "q")
			text := "a b+c&amp;d~e*f%g 標題"
			do("201", "POST", "/queues/q/messages", "", "<Message><MessageBody>"+text+"</MessageBody></Message>")
			do(text, "GET", "/queues/q/messages", "peekonly=true", "")
			got := do(text, "GET", "/queues/q/messages", "waitseconds=0&numOfMessages=2", "")
			_, handle, _ := strings.Cut(got, "<ReceiptHandle>")
			handle, _, _ = strings.Cut(handle, "</ReceiptHandle>")
			got = do("200", "PUT", "/queues/q/messages", "receiptHandle="+url.QueryEscape(handle)+"&visibilityTimeout=9", "")
			_, handle, _ = strings.Cut(got, "<ReceiptHandle>")
			handle, _, _ = strings.Cut(handle, "</ReceiptHandle>")
			do("204", "DELETE", "/queues/q/messages", "ReceiptHandle="+url.QueryEscape(handle), "")
			do("201", "PUT", "/topics/t", "", "<Topic/>")
			do("201", "PUT", "/topics/t/subscriptions/s", "", "<Subscription><Endpoint>"+queue+"</Endpoint><NotifyContentFormat>SIMPLIFIED</NotifyContentFormat></Subscription>")
			do("201", "POST", "/topics/t/messages", "", "<Message><MessageBody>"+text+"</MessageBody></Message>")
			do("<MaximumMessageSize>65536<", "GET", "/topics", "", "", "x-mns-with-meta", "true")
			do("<Endpoint>"+queue+"<", "GET", "/topics/t/subscriptions", "", "", "x-mns-with-meta", "true")
			require.NotContains(t, do("<TopicURL>", "GET", "/topics", "", ""), "MaximumMessageSize")
			for _, odd := range []string{"a b", "a+b", "a&b", "a~b", "a*b", "a%b", "標題"} {
				do("400 ", "PUT", "/queues/"+odd, "", "<Queue/>")
				do("QueueNotExist", "GET", "/queues/"+odd, "", "")
				do("QueueNotExist", "POST", "/queues/"+odd+"/messages", "", "<Message><MessageBody>x</MessageBody></Message>")
				do("TopicNotExist", "DELETE", "/topics/"+odd, "", "")
				do("SubscriptionNameInvalid", "PUT", "/topics/t/subscriptions/"+odd, "", "<Subscription><Endpoint>"+queue+"</Endpoint></Subscription>")
			}
		})
	}
	_, web := start(t, fakemns.Options{})
	other := func(region, secret string) func(string, string, string, map[string]string) string {
		return func(method, path, query string, h map[string]string) string {
			return version4("id", secret, region, time.Now(), method, path, query, h)
		}
	}
	require.Contains(t, raw(t, web, other("cn-beijing", "secret"), "GET", "/queues", "", ""), "SignatureDoesNotMatch")
	require.Contains(t, raw(t, web, other("cn-shanghai", "wrong"), "GET", "/queues", "", ""), "SignatureDoesNotMatch")
}

// What an operation does not read is refused by its name, and nothing is done.
func TestNothingIsPassedOver(t *testing.T) {
	s, web := start(t, fakemns.Options{})
	s.Create("q")
	s.CreateTopic("t")
	for _, tc := range []struct{ method, path, query, body, header, want string }{
		{"POST", "/queues/q/messages", "", "<Message><MessageBody>x</MessageBody><MessageGroupId>g</MessageGroupId></Message>", "", "501 MessageGroupId"},
		{"POST", "/queues/q/messages", "", "<Messages><Message><MessageBody>x</MessageBody><SystemProperties/></Message></Messages>", "", "501 SystemProperties"},
		{"PUT", "/queues/other", "", "<Queue><DlqPolicy><Enabled>true</Enabled></DlqPolicy></Queue>", "", "501 DlqPolicy"},
		{"POST", "/topics/t/messages", "", "<Message><MessageBody>x</MessageBody><MessageAttributes/></Message>", "", "501 MessageAttributes"},
		{"PUT", "/topics/t/subscriptions/s", "", "<Subscription><Endpoint>http://h/</Endpoint></Subscription>", "", "501 endpoint http"},
		{"PUT", "/topics/t/subscriptions/s", "", "<Subscription><Endpoint>acs:mns:cn-shanghai:1:queues/q</Endpoint></Subscription>", "", "400 EndpointInvalid"},
		{"PUT", "/topics/t/subscriptions/s", "", "<Subscription><Endpoint>acs:mns:cn-beijing:" + account + ":queues/q</Endpoint></Subscription>", "", "400 EndpointInvalid"},
		{"GET", "/queues/q", "waitseconds=1", "", "", "400 waitseconds"},
		{"DELETE", "/queues/q", "force=true", "", "", "400 force"},
		{"DELETE", "/queues/q/messages", "numOfMessages=2", "", "", "400 numOfMessages"},
		{"GET", "/queues/q", "", "", "x-mns-with-meta", "501 x-mns-with-meta"},
		{"DELETE", "/topics/t", "", "", "x-mns-new", "501 x-mns-new"},
	} {
		var more []string
		if tc.header != "" {
			more = []string{tc.header, "true"}
		}
		got := raw(t, web, byV1, tc.method, tc.path, tc.query, tc.body, more...)
		status, name, _ := strings.Cut(tc.want, " ")
		require.Equal(t, status, got[:3], "%v: %s", tc, got)
		require.Contains(t, got, name)
	}
	require.Equal(t, []string{"q"}, s.Queues())
	require.Contains(t, raw(t, web, byV1, "GET", "/queues/q/messages", "", ""), "MessageNotExist")
	require.Contains(t, raw(t, web, byV1, "GET", "/topics/t/subscriptions", "", ""), "<Subscriptions")
	require.NotContains(t, raw(t, web, byV1, "GET", "/topics/t/subscriptions", "", ""), "SubscriptionURL")
	require.Len(t, fakemns.Operations(), 25)
}
