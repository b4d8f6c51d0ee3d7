package fakevod_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakevod"
)

// third is a request in the third version of the protocol, written from its description.
type third struct {
	method, action, query, kind, body string
	id, secret                        string
	headers                           map[string]string
	tamper                            func(*http.Request)
}

func (c *cloud) third(t testing.TB, q third) (int, string) {
	t.Helper()
	if q.id == "" {
		q.id, q.secret = "testId", "testSecret"
	}
	r, err := http.NewRequestWithContext(t.Context(), q.method, c.URL+"/?"+q.query, strings.NewReader(q.body))
	require.NoError(t, err)
	hash := func(text string) string { sum := sha256.Sum256([]byte(text)); return hex.EncodeToString(sum[:]) }
	nonces++
	headers := map[string]string{"x-acs-action": q.action, "x-acs-version": "2017-03-21", "x-acs-date": time.Now().UTC().Format("2006-01-02T15:04:05Z"),
		"x-acs-signature-nonce": fmt.Sprint("third", nonces), "x-acs-content-sha256": hash(q.body), "host": r.URL.Host}
	if q.kind != "" {
		headers["content-type"] = q.kind
	}
	maps.Copy(headers, q.headers)
	canonical := q.method + "\n/\n"
	values := r.URL.Query()
	for i, name := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			canonical += "&"
		}
		canonical += rfc3986.Replace(url.QueryEscape(name)) + "=" + rfc3986.Replace(url.QueryEscape(values.Get(name)))
	}
	canonical += "\n"
	names := slices.Sorted(maps.Keys(headers))
	for _, name := range names {
		canonical += name + ":" + headers[name] + "\n"
		r.Header.Set(name, headers[name])
	}
	canonical += "\n" + strings.Join(names, ";") + "\n" + hash(q.body)
	mac := hmac.New(sha256.New, []byte(q.secret))
	mac.Write([]byte("ACS3-HMAC-SHA256\n" + hash(canonical)))
	if headers["x-acs-bearer-token"] == "" {
		r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential="+q.id+",SignedHeaders="+strings.Join(names, ";")+",Signature="+hex.EncodeToString(mac.Sum(nil)))
	}
	if q.tamper != nil {
		q.tamper(r)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(out)
}

func TestTheThirdVersionOfTheSignature(t *testing.T) {
	c := newCloud(t, nil)
	id := c.Seed(fakevod.Asset{Title: "before"})[0]
	role, old := c.Keys.Mint("role", "1234", time.Hour), c.Keys.Mint("role", "1234", -time.Hour)
	title := "a b*~+&=/%標題"
	bearer := func(token string) map[string]string {
		return map[string]string{"x-acs-bearer-token": token, "x-acs-signature-type": "BEARERTOKEN"}
	}
	read := third{method: "POST", action: "GetVideoInfo", query: "VideoId=" + id}
	with := func(change func(*third)) third {
		q := read
		change(&q)
		return q
	}
	form := url.Values{"VideoId": {id}, "Title": {title}}.Encode()
	object, err := json.Marshal(map[string]any{"VideoId": id, "Title": title, "CateId": -1})
	require.NoError(t, err)
	tests := []struct {
		name   string
		q      third
		status int
		want   string
	}{
		{"query by POST", read, 200, `"Title":"before"`},
		{"query by GET", with(func(q *third) { q.method = "GET" }), 200, `"Title":"before"`},
		{"XML where Accept asks for it", with(func(q *third) { q.headers = map[string]string{"accept": "application/xml"} }), 200, "<GetVideoInfoResponse>"},
		{"letters in the query", third{method: "POST", action: "UpdateVideoInfo", query: form}, 200, "RequestId"},
		{"form", third{method: "POST", action: "UpdateVideoInfo", kind: "application/x-www-form-urlencoded", body: form}, 200, "RequestId"},
		{"JSON", third{method: "POST", action: "UpdateVideoInfo", kind: "application/json; charset=utf-8", body: string(object)}, 200, "RequestId"},
		{"JSON that is a list", third{method: "POST", action: "UpdateVideoInfo", kind: "application/json", body: "[]"}, 400, "InvalidParameter"},
		{"role", with(func(q *third) {
			q.id, q.secret, q.headers = role.ID, role.Secret, map[string]string{"x-acs-security-token": role.Token, "x-acs-accesskey-id": role.ID}
		}), 200, title},
		{"token of another", with(func(q *third) {
			q.id, q.secret, q.headers = role.ID, role.Secret, map[string]string{"x-acs-security-token": "other"}
		}), 400, "InvalidSecurityToken.MismatchWithAccessKey"},
		{"bearer", with(func(q *third) { q.headers = bearer(role.Token) }), 200, title},
		{"bearer that has ended", with(func(q *third) { q.headers = bearer(old.Token) }), 400, "InvalidSecurityToken.Expired"},
		{"bearer of nobody", with(func(q *third) { q.headers = bearer("none") }), 400, "InvalidBearerToken"},
		{"wrong secret", with(func(q *third) { q.id, q.secret = "testId", "wrong" }), 400, "SignatureDoesNotMatch"},
		{"unknown key", with(func(q *third) { q.id, q.secret = "nobody", "x" }), 404, "InvalidAccessKeyId.NotFound"},
		{"another query than signed", with(func(q *third) { q.tamper = func(r *http.Request) { r.URL.RawQuery = "VideoId=other" } }), 400, "SignatureDoesNotMatch"},
		{"another body than signed", with(func(q *third) {
			q.tamper = func(r *http.Request) { r.Header.Set("X-Acs-Content-Sha256", strings.Repeat("0", 64)) }
		}), 400, "IncompleteSignature"},
		{"a header that is not signed", with(func(q *third) { q.tamper = func(r *http.Request) { r.Header.Set("X-Acs-New", "1") } }), 400, "IncompleteSignature"},
		{"no signature", with(func(q *third) { q.tamper = func(r *http.Request) { r.Header.Del("Authorization") } }), 400, "MissingAuthorization"},
		{"another algorithm", with(func(q *third) { q.tamper = func(r *http.Request) { r.Header.Set("Authorization", "ACS3-HMAC-SM3 x") } }), 400, "InvalidSignatureMethod"},
		{"no date", with(func(q *third) { q.tamper = func(r *http.Request) { r.Header.Del("X-Acs-Date") } }), 400, "MissingTimestamp"},
		{"an old date", with(func(q *third) { q.headers = map[string]string{"x-acs-date": "2020-01-01T00:00:00Z"} }), 400, "InvalidTimeStamp.Expired"},
		{"no version", with(func(q *third) { q.tamper = func(r *http.Request) { r.Header.Del("X-Acs-Version") } }), 400, "MissingVersion"},
		{"used nonce", with(func(q *third) { q.headers = map[string]string{"x-acs-signature-nonce": "once"} }), 200, title},
		{"used nonce again", with(func(q *third) { q.headers = map[string]string{"x-acs-signature-nonce": "once"} }), 400, "SignatureNonceUsed"},
		{"unknown action", with(func(q *third) { q.action = "Nonsense" }), 404, "InvalidApi.NotFound"},
	}
	for _, tc := range tests {
		status, body := c.third(t, tc.q)
		require.Equal(t, tc.status, status, "%s: %s", tc.name, body)
		require.Contains(t, body, tc.want, tc.name)
	}
	a, _ := c.Lookup(id)
	require.Equal(t, title, a.Title)
}

// Without Format the answer is XML: every operation's, and its refusals.
func TestXMLIsTheDefault(t *testing.T) {
	c := newCloud(t, nil)
	id := c.Seed(fakevod.Asset{Title: "a & <b>", Tags: "x,y", Source: &fakevod.Source{Status: "Normal", FileName: "a.mp4"},
		Streams: []fakevod.Stream{{JobID: "j1", Format: "mp4", Height: 2}, {JobID: "j2", Format: "mp4", Height: 4}}})[0]
	for action, tc := range map[string]struct {
		with, want string
	}{
		"GetVideoInfo":       {"VideoId=" + id, "<GetVideoInfoResponse><RequestId>"},
		"GetVideoInfos":      {"VideoIds=" + id + ",none", "<NonExistVideoIds>none</NonExistVideoIds>"},
		"SearchMedia":        {"Fields=Title", "<Title>a &amp; &lt;b&gt;</Title>"},
		"GetPlayInfo":        {"VideoId=" + id, "</PlayInfo><PlayInfo>"},
		"BatchGetMediaInfos": {"MediaIds=" + id, "</PlayInfoList><PlayInfoList>"},
		"GetVideoList":       {"", "<VideoList><Video>"},
		"GetMezzanineInfo":   {"VideoId=none", "<Error><RequestId>"},
		"GetCategories":      {"PageSize=0", "<Code>InvalidParameter</Code>"},
	} {
		for _, format := range []string{"", "XML", "xml"} {
			q := common(action)
			q.Del("Format")
			if format != "" {
				q.Set("Format", format)
			}
			more, err := url.ParseQuery(tc.with)
			require.NoError(t, err)
			maps.Copy(q, more)
			q.Set("Signature", sign("GET", q, "testSecret"))
			r, err := http.Get(c.URL + "/?" + q.Encode())
			require.NoError(t, err)
			body, err := io.ReadAll(r.Body)
			_ = r.Body.Close()
			require.NoError(t, err)
			require.Equal(t, "text/xml;charset=utf-8", r.Header.Get("Content-Type"))
			require.Contains(t, string(body), tc.want, "%s %q", action, format)
			d := xml.NewDecoder(strings.NewReader(string(body)))
			for err == nil {
				_, err = d.Token()
			}
			require.ErrorIs(t, err, io.EOF, "well formed")
		}
	}
}

// A parameter that is not emulated is refused by its name, in every operation, before
// anything is done.
func TestNoParameterIsPassedOver(t *testing.T) {
	c := newCloud(t, nil)
	id := c.Seed(fakevod.Asset{Title: "as it was"})[0]
	for _, op := range fakevod.Operations() {
		q := common(op)
		if op == "GetCallerIdentity" || op == "AssumeRole" {
			q.Set("Version", "2015-04-01")
		}
		q.Set("ReferenceId", "x")
		q.Set("Signature", sign("POST", q, "testSecret"))
		status, out := c.do(t, "POST", q, nil)
		require.Equal(t, []any{501, "NotImplemented"}, []any{status, out["Code"]}, op)
		require.Contains(t, out["Message"], "ReferenceId of "+op)
	}
	q := common("UpdateVideoInfos")
	q.Set("UpdateContent", fmt.Sprintf(`[{"VideoId":%q,"Title":"new"},{"VideoId":%[1]q,"Status":"Blocked"}]`, id))
	q.Set("Signature", sign("POST", q, "testSecret"))
	status, out := c.do(t, "POST", q, nil)
	require.Equal(t, []any{501, "NotImplemented"}, []any{status, out["Code"]})
	require.Contains(t, out["Message"], "UpdateContent[].Status")
	a, _ := c.Lookup(id)
	require.Equal(t, "as it was", a.Title)
	require.Greater(t, len(fakevod.Parameters()), 100)
}
