package fakevod_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
)

var nonces int

// common are the parameters of a good request, now.
func common(action string) url.Values {
	nonces++
	return url.Values{"Action": {action}, "Version": {"2017-03-21"}, "Format": {"JSON"}, "AccessKeyId": {"testId"}, "SignatureMethod": {"HMAC-SHA1"},
		"SignatureVersion": {"1.0"}, "SignatureNonce": {fmt.Sprint("n", nonces)}, "SignatureType": {""}, "Timestamp": {time.Now().UTC().Format("2006-01-02T15:04:05Z")}}
}

var rfc3986 = strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~")

// sign is signature v1, from the documentation's text.
func sign(method string, q url.Values, secret string) string {
	escape := func(s string) string {
		return rfc3986.Replace(url.QueryEscape(s))
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(q)) {
		parts = append(parts, escape(k)+"="+escape(q.Get(k)))
	}
	h := hmac.New(sha1.New, []byte(secret+"&"))
	h.Write([]byte(method + "&%2F&" + escape(strings.Join(parts, "&"))))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func (c *cloud) do(t testing.TB, method string, query, form url.Values) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, "/?"+query.Encode(), strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	var out map[string]any
	body, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, &out), "%s", body)
	require.NotEmpty(t, out["RequestId"])
	return w.Code, out
}

func TestTheGatewayChecksInTheDocumentedOrder(t *testing.T) {
	c := newCloud(t, nil)
	old := c.Keys.Mint("r", "1", -time.Second)
	good := c.Keys.Mint("r", "1", time.Hour)
	tests := []struct {
		name   string
		change func(url.Values)
		method string
		status int
		code   string
	}{
		{"another method", nil, "PUT", 400, "UnsupportedHTTPMethod"},
		{"no action", func(q url.Values) { q.Del("Action"); q.Del("Timestamp") }, "GET", 400, "MissingAction"},
		{"no version", func(q url.Values) { q.Del("Version") }, "GET", 400, "MissingVersion"},
		{"unknown action", func(q url.Values) { q.Set("Action", "SubmitSmarttagJob"); q.Del("Timestamp") }, "GET", 404, "InvalidApi.NotFound"},
		{"unknown version", func(q url.Values) { q.Set("Version", "2020-01-01") }, "GET", 404, "InvalidApi.NotFound"},
		{"no timestamp", func(q url.Values) { q.Del("Timestamp"); q.Set("AccessKeyId", "nobody") }, "GET", 400, "MissingTimestamp"},
		{"no signature", func(q url.Values) { q.Set("Signature", "") }, "GET", 400, "MissingSignature"},
		{"other method of signing", func(q url.Values) { q.Set("SignatureMethod", "HMAC-SHA256") }, "GET", 400, "InvalidSignatureMethod"},
		{"odd timestamp", func(q url.Values) { q.Set("Timestamp", "today"); q.Set("AccessKeyId", "nobody") }, "GET", 400, "InvalidTimeStamp.Format"},
		{"old timestamp", func(q url.Values) {
			q.Set("Timestamp", time.Now().Add(-16*time.Minute).UTC().Format("2006-01-02T15:04:05Z"))
		}, "GET", 400, "InvalidTimeStamp.Expired"},
		{"future timestamp", func(q url.Values) {
			q.Set("Timestamp", time.Now().Add(16*time.Minute).UTC().Format("2006-01-02T15:04:05Z"))
		}, "GET", 400, "InvalidTimeStamp.Expired"},
		{"unknown key", func(q url.Values) { q.Set("AccessKeyId", "nobody") }, "GET", 404, "InvalidAccessKeyId.NotFound"},
		{"token without its key", func(q url.Values) { q.Set("SecurityToken", "CAIS") }, "GET", 400, "InvalidSecurityToken.MismatchWithAccessKey"},
		{"key without its token", func(q url.Values) { q.Set("AccessKeyId", good.ID) }, "GET", 404, "InvalidAccessKeyId.NotFound"},
		{"expired token", func(q url.Values) { q.Set("AccessKeyId", old.ID); q.Set("SecurityToken", old.Token) }, "GET", 400, "InvalidSecurityToken.Expired"},
		{"wrong signature", func(q url.Values) { q.Set("Signature", "abc=") }, "GET", 400, "SignatureDoesNotMatch"},
		{"XML", func(q url.Values) { q.Set("Format", "YAML") }, "GET", 400, "InvalidFormat"},
		{"all well, no such video", nil, "GET", 404, "InvalidVideo.NotFound"},
		{"all well by POST", nil, "POST", 404, "InvalidVideo.NotFound"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			q := common("GetVideoInfo")
			q.Set("VideoId", "none such *~/ 標題")
			q.Set("Signature", sign(tc.method, q, "testSecret"))
			if tc.change != nil {
				tc.change(q)
			}
			status, out := c.do(t, tc.method, q, nil)
			require.Equal(t, []any{tc.status, tc.code}, []any{status, out["Code"]}, "%v", out["Message"])
			require.NotEmpty(t, out["HostId"])
		})
	}
}

func TestFormAndQueryAreSignedTogether(t *testing.T) {
	c := newCloud(t, nil)
	id := c.Seed(fakevod.Asset{Title: "before"})[0]
	q := common("UpdateVideoInfos")
	form := url.Values{"UpdateContent": {fmt.Sprintf(`[{"VideoId":%q,"Title":"a b*~+&=/標題"}]`, id)}}
	all := maps.Clone(q)
	maps.Copy(all, form)
	q.Set("Signature", sign("POST", all, "testSecret"))
	status, _ := c.do(t, "POST", q, form)
	require.Equal(t, 200, status)
	a, _ := c.Lookup(id)
	require.Equal(t, "a b*~+&=/標題", a.Title)

	status, out := c.do(t, "POST", q, form)
	require.Equal(t, []any{400, "SignatureNonceUsed"}, []any{status, out["Code"]}, "the same request again")
}

// Requests captured from the official client, at the moment they were made.
func TestCapturedRequestsAreAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 22, 10, 46, 30, 0, time.UTC)))
		s, err := fakevod.New(fakevod.Options{Keys: fakeram.New(fakeram.Key{ID: "testId", Secret: "testSecret"})})
		require.NoError(t, err)
		c := &cloud{Server: s}
		c.Seed(fakevod.Asset{ID: "v1"})
		for signature, params := range map[string]map[string]string{
			"FzAFUvC4Km2m38PcPZnQkTslIuQ=": {"Action": "GetVideoInfo", "SignatureNonce": "5e7d12424951d0c171c49046aa468a8a", "VideoId": "93ab850b4f6f44eab54b6e91d24d81d4"},
			"Tj8EqgWBw4HzPAUZoXXawO23zBE=": {"Action": "UpdateVideoInfos", "SignatureNonce": "1910d56895a3da72b4dddc8ba424677f",
				"UpdateContent": `[{"VideoId":"v1","Title":"a b*~+&=/標題","Tags":"t1,t2"}]`},
		} {
			q := url.Values{"AccessKeyId": {"testId"}, "Format": {"JSON"}, "RegionId": {"cn-shanghai"}, "SignatureMethod": {"HMAC-SHA1"}, "SignatureType": {""},
				"SignatureVersion": {"1.0"}, "Timestamp": {"2026-11-22T10:46:11Z"}, "Version": {"2017-03-21"}, "Signature": {signature}}
			for k, v := range params {
				q.Set(k, v)
			}
			status, out := c.do(t, "POST", q, nil)
			want := map[string]string{"GetVideoInfo": "404 InvalidVideo.NotFound", "UpdateVideoInfos": "200 <nil>"}[params["Action"]]
			require.Equal(t, want, fmt.Sprint(status, " ", out["Code"]), "%v", out["Message"])
		}
		a, _ := c.Lookup("v1")
		require.Equal(t, "a b*~+&=/標題", a.Title)
		require.NoError(t, s.Close())
	})
}

func TestThePublishedSignature(t *testing.T) {
	q := url.Values{}
	for k, v := range map[string]string{"AccessKeyId": "testAccessKeyId", "Action": "GetVideoPlayAuth", "Format": "JSON", "SignatureMethod": "HMAC-SHA1",
		"SignatureNonce": "8f8a035d-6496-4268-afd4-67c22837e38d", "SignatureVersion": "1.0", "Timestamp": "2017-10-10T12:02:54Z", "Version": "2017-03-21",
		"VideoId": "5aed81b74ba84920be578cdfe004af4b"} {
		q.Set(k, v)
	}
	require.Equal(t, "Ibgh7y8Vp47LBuAsf5Xhi1SvDss=", sign("GET", q, "testAccessKeySecret"), "the tests' own signer")
}

func TestRolesAreHeldToTheirPolicy(t *testing.T) {
	c := newCloud(t, nil)
	p, err := fakeram.ParsePolicy([]byte(`{"Version":"1","Statement":[{"Effect":"Allow","Action":["vod:Get*","vod:SearchMedia"],"Resource":"*"}]}`))
	require.NoError(t, err)
	c.Keys.SetRole("reader", p)
	k := c.Keys.Mint("reader", "1234567890123456", time.Hour)
	client := c.sdk(t, credentials.NewStsTokenCredential(k.ID, k.Secret, k.Token))
	id := c.Seed(fakevod.Asset{})[0]
	get := vod.CreateGetVideoInfoRequest()
	get.VideoId = id
	_, err = client.GetVideoInfo(get)
	require.NoError(t, err)
	del := vod.CreateDeleteVideoRequest()
	del.VideoIds = id
	_, err = client.DeleteVideo(del)
	got, status := code(t, err)
	require.Equal(t, []any{"Forbidden.RAM", 403}, []any{got, status})
	require.Equal(t, 1, c.Len())
	last := c.Calls()[len(c.Calls())-1]
	require.Equal(t, []any{"DeleteVideo", 403, "Forbidden.RAM", k.ID, id}, []any{last.Op, last.Status, last.Code, last.KeyID, last.Detail})
}

func TestCallerIdentity(t *testing.T) {
	c := newCloud(t, nil)
	q := common("GetCallerIdentity")
	q.Set("Version", "2015-04-01")
	q.Set("Signature", sign("GET", q, "testSecret"))
	status, out := c.do(t, "GET", q, nil)
	require.Equal(t, 200, status)
	require.Equal(t, "1234567890123456", out["AccountId"])
	require.Equal(t, "acs:ram::1234567890123456:root", out["Arn"])
}

func TestRatesAreThoseOfTheDocumentation(t *testing.T) {
	c := newCloud(t, func(o *fakevod.Options) { o.RateScale = 0 })
	codes := map[any]int{}
	for range 45 {
		q := common("DeleteVideo")
		q.Set("VideoIds", "x")
		q.Set("Signature", sign("GET", q, "testSecret"))
		status, out := c.do(t, "GET", q, nil)
		codes[fmt.Sprint(status, out["Code"])]++
	}
	require.Positive(t, codes["400Throttling.User"])
	require.GreaterOrEqual(t, codes["404InvalidVideo.NotFound"], 30, "a second's worth at once")
	require.Equal(t, codes["400Throttling.User"], c.Log().Counts()[struct{ Op, Code string }{"DeleteVideo", "Throttling.User"}])
}

func TestErrorsInXMLForWhoAsksForThem(t *testing.T) {
	c := newCloud(t, nil)
	q := common("GetVideoInfo")
	q.Set("Format", "XML")
	r, err := http.Get(c.URL + "/?" + q.Encode())
	require.NoError(t, err)
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Contains(t, string(b), "<Error><RequestId>")
	require.Contains(t, string(b), "<Code>MissingSignature</Code>")
}
