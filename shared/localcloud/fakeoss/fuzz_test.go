package fakeoss_test

import (
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/signer"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakeoss"
	"vodcurator/shared/localcloud/fakeram"
)

// Whatever comes in, an answer in OSS's form goes out.
func FuzzObjects(f *testing.F) {
	s, err := fakeoss.New(fakeoss.Options{Keys: fakeram.New(fakeram.Key{ID: "testId", Secret: "testSecret"}), Buckets: []string{"things"}})
	require.NoError(f, err)
	require.NoError(f, s.Put("things", "k", strings.NewReader("hello")))
	for _, sign := range []byte{0, 1, 4} {
		f.Add("PUT", "things", "k2", "", "body", "Content-MD5: x", sign)
		f.Add("GET", "things", "k", "", "", "Range: bytes=1-9999999999999999999", sign)
		f.Add("HEAD", "things", "none", "objectMeta", "", "", sign)
		f.Add("GET", "things", "", "list-type=2&max-keys=1&delimiter=%2F&encoding-type=url&continuation-token=%%%", "", "", sign)
		f.Add("POST", "things", "", "delete", "<Delete><Object><Key>k</Key></Object></Delete>", "", sign)
		f.Add("POST", "things", "k3", "uploads", "", "", sign)
		f.Add("PUT", "things", "k3", "partNumber=1&uploadId=x", "", "", sign)
		f.Add("POST", "things", "k3", "uploadId=x", "<CompleteMultipartUpload/>", "", sign)
		f.Add("PUT", "things", "k4", "", "", "x-oss-copy-source: /things/k", sign)
		f.Add("PUT", "things", "", "versioning", "<VersioningConfiguration><Status>Maybe</Status></VersioningConfiguration>", "", sign)
		f.Add("PATCH", "UPPER", "\x00\xff/../", "uploads&uploads", "\x00", "Authorization: OSS4-HMAC-SHA256 Credential=////", sign)
		f.Add("GET", "things", "k", "x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=a/b/c/d/e&x-oss-date=x", "", "", sign)
	}
	f.Fuzz(func(t *testing.T, method, bucket, key, query, body, header string, sign byte) {
		r := &http.Request{Method: method, URL: &url.URL{Path: "/" + bucket + "/" + key, RawQuery: query}, Header: http.Header{}, Host: "127.0.0.1:1",
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
		if name, value, ok := strings.Cut(header, ": "); ok {
			r.Header.Set(name, value)
		}
		how := map[byte]signer.Signer{1: &signer.SignerV1{}, 4: &signer.SignerV4{}}[sign]
		if how != nil {
			context := &signer.SigningContext{Product: oss.Ptr("oss"), Region: oss.Ptr("cn-shanghai"), Bucket: oss.Ptr(bucket), Key: oss.Ptr(key), Request: r,
				Credentials: &credentials.Credentials{AccessKeyID: "testId", AccessKeySecret: "testSecret"}}
			require.NoError(t, how.Sign(t.Context(), context))
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		require.GreaterOrEqual(t, w.Code, 200)
		require.NotEmpty(t, w.Header().Get("x-oss-request-id"))
		if w.Code < 400 || w.Code == http.StatusRequestedRangeNotSatisfiable {
			return
		}
		text := w.Body.Bytes()
		if method == http.MethodHead {
			var err error
			text, err = base64.StdEncoding.DecodeString(w.Header().Get("x-oss-err"))
			require.NoError(t, err)
		}
		var refused struct{ Code string }
		require.NoError(t, xml.Unmarshal(text, &refused), "%s", text)
		require.NotEmpty(t, refused.Code)
	})
}
