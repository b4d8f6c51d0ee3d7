package fakeoss_test

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
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakeoss"
)

// raw is a request written from the provider's description of its signatures, for what
// no client sends, or not in this form.
type raw struct {
	method, bucket, key, query, body string
	headers                          map[string]string
	sign                             func(r *http.Request, q raw)
}

func (s *store) raw(t testing.TB, q raw) (status int, body string, header http.Header) {
	t.Helper()
	path := "/"
	if q.bucket != "" {
		path += q.bucket + "/" + strings.ReplaceAll(url.PathEscape(q.key), "%2F", "/")
	}
	r, err := http.NewRequestWithContext(t.Context(), q.method, s.url+path+"?"+q.query, strings.NewReader(q.body))
	require.NoError(t, err)
	for name, value := range q.headers {
		r.Header.Set(name, value)
	}
	if q.sign == nil {
		q.sign = byV1
	}
	q.sign(r, q)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(out), resp.Header
}

func resource(q raw) string {
	if q.bucket == "" {
		return "/"
	}
	return "/" + q.bucket + "/" + q.key
}

func ossHeaders(r *http.Request, also ...string) string {
	values := map[string]string{}
	for name := range r.Header {
		if low := strings.ToLower(name); strings.HasPrefix(low, "x-oss-") || slices.Contains(also, low) {
			values[low] = r.Header.Get(name)
		}
	}
	if slices.Contains(also, "host") {
		values["host"] = r.URL.Host
	}
	out := ""
	for _, name := range slices.Sorted(maps.Keys(values)) {
		out += name + ":" + values[name] + "\n"
	}
	return out
}

// byV1 signs with Date and every parameter.
func byV1(r *http.Request, q raw) {
	r.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	signV1(r, q, r.Header.Get("Date"))
}

// byV1OSSDate sends x-oss-date alone and signs it in the place of Date.
func byV1OSSDate(r *http.Request, q raw) {
	r.Header.Set("x-oss-date", time.Now().UTC().Format(http.TimeFormat))
	signV1(r, q, r.Header.Get("x-oss-date"))
}

func byV1EmptyDate(r *http.Request, q raw) {
	r.Header.Set("x-oss-date", time.Now().UTC().Format(http.TimeFormat))
	signV1(r, q, "")
}

func signV1(r *http.Request, q raw, date string) {
	to := resource(q)
	if q.query != "" {
		params := strings.Split(q.query, "&")
		slices.Sort(params)
		plain, _ := url.QueryUnescape(strings.Join(params, "&"))
		to += "?" + plain
	}
	text := q.method + "\n\n" + r.Header.Get("Content-Type") + "\n" + date + "\n" + ossHeaders(r) + to
	mac := hmac.New(sha1.New, []byte("testSecret"))
	mac.Write([]byte(text))
	r.Header.Set("Authorization", "OSS testId:"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// byV4 signs with the day of a Date in the given form, and these additional headers.
func byV4(header, layout string, also ...string) func(*http.Request, raw) {
	return func(r *http.Request, q raw) {
		now := time.Now().UTC()
		r.Header.Set(header, now.Format(layout))
		r.Header.Set("x-oss-content-sha256", "UNSIGNED-PAYLOAD")
		scope := now.Format("20060102") + "/cn-shanghai/oss/aliyun_v4_request"
		var params []string
		for p := range strings.SplitSeq(q.query, "&") {
			params = append(params, strings.TrimSuffix(p, "="))
		}
		slices.Sort(params)
		canonical := strings.Join([]string{q.method, strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(resource(q)), "+", "%20"), "%2F", "/"),
			strings.Join(params, "&"), ossHeaders(r, append(also, "content-type")...), strings.Join(also, ";"), "UNSIGNED-PAYLOAD"}, "\n")
		sum := sha256.Sum256([]byte(canonical))
		key := []byte("aliyun_v4testSecret")
		for _, part := range append(strings.Split(scope, "/"), "OSS4-HMAC-SHA256\n"+r.Header.Get(header)+"\n"+scope+"\n"+hex.EncodeToString(sum[:])) {
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(part))
			key = mac.Sum(nil)
		}
		more := ""
		if len(also) > 0 {
			more = ",AdditionalHeaders=" + strings.Join(also, ";")
		}
		r.Header.Set("Authorization", "OSS4-HMAC-SHA256 Credential=testId/"+scope+more+",Signature="+hex.EncodeToString(key))
	}
}

func TestEveryFormOfEachSignature(t *testing.T) {
	s := newStore(t, nil)
	for name, sign := range map[string]func(*http.Request, raw){
		"V1": byV1, "V1, x-oss-date alone": byV1OSSDate, "V1, x-oss-date alone, not in the place of Date": byV1EmptyDate,
		"V4": byV4("x-oss-date", "20060102T150405Z"), "V4 with Date alone": byV4("Date", http.TimeFormat), "V4 with an ISO Date": byV4("Date", "20060102T150405Z"),
		"V4 with additional headers": byV4("x-oss-date", "20060102T150405Z", "cache-control", "host"),
	} {
		t.Run(name, func(t *testing.T) {
			for _, key := range []string{"a b+c&d~e*f%g", "語/'(!)=?#[]@$,;"} {
				status, body, _ := s.raw(t, raw{method: "PUT", bucket: "things", key: key, body: "text", sign: sign, headers: map[string]string{"Cache-Control": "no-cache", "x-oss-meta-note": "n"}})
				require.Equal(t, 200, status, body)
				status, body, header := s.raw(t, raw{method: "GET", bucket: "things", key: key, query: "response-content-type=text%2Fx", sign: sign, headers: map[string]string{"Cache-Control": "no-cache"}})
				require.Equal(t, []any{200, "text", "text/x", "no-cache"}, []any{status, body, header.Get("Content-Type"), header.Get("Cache-Control")})
			}
			status, body, _ := s.raw(t, raw{method: "GET", bucket: "things", query: "prefix=a%20b", headers: map[string]string{"Cache-Control": "x"}, sign: func(r *http.Request, q raw) {
				sign(r, q)
				r.Header.Set("x-oss-meta-forged", "x")
			}})
			require.Equal(t, 403, status, body)
		})
	}
}

// documented are the sub-resources that the provider's clients know.
const documented = `acl accessmonitor accessPoint accessPointConfigForObjectProcess accessPointForObjectProcess accessPointPolicy
	accessPointPolicyForObjectProcess append asyncFetch bucketArchiveDirectRead callback callback-var cleanRestoredObject cloudboxes cname comp cors
	dataPipeline encryption httpsConfig img inventory inventoryId legalHold lifecycle live logging metaQuery metadataConfiguration objectWorm overwriteConfig
	policy policyStatus position publicAccessBlock qos qosInfo quota redundancyTransition referer regions replication replicationLocation
	replicationProgress requestPayment resourceGroup restore retention rtc seal stat status style styleName symlink tagging transferAcceleration udf
	userDefinedLogFieldsConfig versionId versions vod website worm wormExtend wormId x-oss-async-process x-oss-process x-oss-traffic-limit
	x-oss-write-get-object-response somethingNew`

// What is not emulated is refused by name with nothing done: whoever tags an object must
// not find its bytes replaced.
func TestNoSubResourceIsCarriedOutAsSomethingElse(t *testing.T) {
	s := newStore(t, nil)
	c := s.client()
	require.NoError(t, put(t, c, "k", "as it was"))
	require.NoError(t, s.CreateBucket("empty", false))
	n := 0
	for _, name := range strings.Fields(documented) {
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE"} {
			for _, to := range []raw{{}, {bucket: "empty"}, {bucket: "things", key: "k"}} {
				n++
				to.method, to.query, to.body = method, name, "<Tagging/>"
				if method == "GET" || method == "HEAD" {
					to.body = ""
				}
				status, body, header := s.raw(t, to)
				require.Equal(t, 501, status, "%s %s?%s: %s", method, resource(to), name, body)
				if method == "HEAD" {
					plain, err := base64.StdEncoding.DecodeString(header.Get("x-oss-err"))
					require.NoError(t, err)
					body = string(plain)
				}
				require.Contains(t, body, "<Code>NotImplemented</Code>")
				require.Contains(t, body, " "+name+".<")
			}
		}
	}
	for header, value := range map[string]string{"x-oss-tagging": "a=b", "x-oss-storage-class": "IA", "x-oss-object-acl": "public-read", "x-oss-server-side-encryption": "AES256",
		"x-oss-callback": "e30=", "x-oss-symlink-target": "k", "x-oss-traffic-limit": "819200", "x-oss-copy-source-range": "bytes=0-1", "x-oss-new": "1"} {
		n++
		status, body, _ := s.raw(t, raw{method: "PUT", bucket: "things", key: "k", body: "other", headers: map[string]string{header: value}})
		require.Equal(t, 501, status, body)
		require.Contains(t, body, header)
	}
	require.Equal(t, "as it was", get(t, c, "k"))
	require.Equal(t, []string{"k"}, s.Keys("things"))
	list, body, _ := s.raw(t, raw{method: "GET", query: "prefix=em&max-keys=1"})
	require.Equal(t, 200, list)
	require.Contains(t, body, "<Name>empty</Name>")
	t.Logf("%d requests refused by name", n)
}

func TestListOfBuckets(t *testing.T) {
	s := newStore(t, func(o *fakeoss.Options) { o.Buckets, o.Versioned = []string{"a-one", "a-two", "b-one"}, nil })
	for query, want := range map[string][]string{"": {"a-one", "a-two", "b-one"}, "prefix=a-": {"a-one", "a-two"}, "marker=a-one": {"a-two", "b-one"},
		"max-keys=1": {"a-one"}, "max-keys=2&prefix=a&marker=a-one": {"a-two"}} {
		status, body, _ := s.raw(t, raw{method: "GET", query: query})
		require.Equal(t, 200, status)
		var names []string
		for part := range strings.SplitSeq(body, "<Name>") {
			if name, _, ok := strings.Cut(part, "</Name>"); ok {
				names = append(names, name)
			}
		}
		require.Equal(t, want, names, query)
		require.Equal(t, query == "max-keys=1", strings.Contains(body, "<IsTruncated>true"), query)
	}
}

func TestCopySources(t *testing.T) {
	s := newStore(t, nil)
	for _, key := range []string{"with blank", "with+plus", "both +", "50%", "語"} {
		require.NoError(t, s.Put("things", key, strings.NewReader(key)))
		for form, source := range map[string]string{"percent": strings.ReplaceAll(url.QueryEscape("things/"+key), "+", "%20"), "plus": url.QueryEscape("things/" + key)} {
			status, body, _ := s.raw(t, raw{method: "PUT", bucket: "things", key: "copy", headers: map[string]string{"x-oss-copy-source": "/" + source}})
			require.Equal(t, 200, status, "%s %s: %s", key, form, body)
			require.Equal(t, key, get(t, s.client(), "copy"))
		}
	}
	for header, want := range map[string]int{"x-oss-copy-source-if-match": 412, "x-oss-copy-source-if-none-match": 200} {
		status, _, _ := s.raw(t, raw{method: "PUT", bucket: "things", key: "copy", headers: map[string]string{"x-oss-copy-source": "/things/with%20blank", header: "other"}})
		require.Equal(t, want, status, header)
	}
}

func TestPartsByCopy(t *testing.T) {
	s := newStore(t, nil)
	require.NoError(t, s.Put("things", "from", strings.NewReader(strings.Repeat("0123456789", 20_000))))
	_, body, _ := s.raw(t, raw{method: "POST", bucket: "things", key: "to", query: "uploads"})
	_, id, _ := strings.Cut(body, "<UploadId>")
	id, _, _ = strings.Cut(id, "</UploadId>")
	for n, span := range []string{"bytes=5-120004", "bytes=190000-999999"} {
		status, body, _ := s.raw(t, raw{method: "PUT", bucket: "things", key: "to", query: fmt.Sprintf("partNumber=%d&uploadId=%s", n+1, id),
			headers: map[string]string{"x-oss-copy-source": "/things/from", "x-oss-copy-source-range": span}})
		require.Equal(t, 200, status, body)
	}
	status, body, _ := s.raw(t, raw{method: "POST", bucket: "things", key: "to", query: "uploadId=" + id, headers: map[string]string{"x-oss-complete-all": "yes"}})
	require.Equal(t, 200, status, body)
	got := get(t, s.client(), "to")
	require.Len(t, got, 120_000+10_000)
	require.Equal(t, "567", got[:3])
}
