package fakeoss_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakeoss"
	"vodcurator/shared/localcloud/fakeram"
)

type store struct {
	*fakeoss.Server
	keys *fakeram.Keys
	url  string
}

func newStore(t testing.TB, change func(*fakeoss.Options)) *store {
	t.Helper()
	keys := fakeram.New(fakeram.Key{ID: "testId", Secret: "testSecret", Account: "1234"})
	opt := fakeoss.Options{Keys: keys, Region: "cn-shanghai", Buckets: []string{"things"}, Versioned: []string{"kept-versions"}}
	if change != nil {
		change(&opt)
	}
	s, err := fakeoss.New(opt)
	require.NoError(t, err)
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return &store{s, keys, web.URL}
}

func (s *store) client(with ...string) *oss.Client {
	if with == nil {
		with = []string{"testId", "testSecret", ""}
	}
	return oss.NewClient(oss.LoadDefaultConfig().WithRegion("cn-shanghai").WithEndpoint(s.url).WithUsePathStyle(true).
		WithCredentialsProvider(credentials.NewStaticCredentialsProvider(with[0], with[1], with[2])).WithRetryMaxAttempts(1))
}

func v1(s *store, with ...string) *oss.Client {
	if with == nil {
		with = []string{"testId", "testSecret", ""}
	}
	return oss.NewClient(oss.LoadDefaultConfig().WithRegion("cn-shanghai").WithEndpoint(s.url).WithUsePathStyle(true).WithSignatureVersion(oss.SignatureVersionV1).
		WithCredentialsProvider(credentials.NewStaticCredentialsProvider(with[0], with[1], with[2])).WithRetryMaxAttempts(1))
}

func code(t testing.TB, err error) string {
	t.Helper()
	var e *oss.ServiceError
	require.ErrorAs(t, err, &e)
	return fmt.Sprint(e.StatusCode, " ", e.Code)
}

func put(t testing.TB, c *oss.Client, key, body string) error {
	t.Helper()
	_, err := c.PutObject(t.Context(), &oss.PutObjectRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr(key), Body: strings.NewReader(body),
		Metadata: map[string]string{"note": "kept"}})
	return err
}

func get(t testing.TB, c *oss.Client, key string) string {
	t.Helper()
	r, err := c.GetObject(t.Context(), &oss.GetObjectRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr(key)})
	require.NoError(t, err)
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(b)
}

// Both signatures, with a token and without, over names that need escaping.
func TestObjectsByTheOfficialClient(t *testing.T) {
	s := newStore(t, nil)
	sts := s.keys.Mint("role", "1234", time.Hour)
	for name, c := range map[string]*oss.Client{"v4": s.client(), "v4 with token": s.client(sts.ID, sts.Secret, sts.Token),
		"v1": v1(s), "v1 with token": v1(s, sts.ID, sts.Secret, sts.Token)} {
		t.Run(name, func(t *testing.T) {
			for _, key := range []string{"plain", "a/b/c.txt", "with space+plus&=~*'", "日本語/標題.txt"} {
				require.NoError(t, put(t, c, key, "body of "+key))
				require.Equal(t, "body of "+key, get(t, c, key))
				h, err := c.HeadObject(t.Context(), &oss.HeadObjectRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr(key)})
				require.NoError(t, err)
				require.Equal(t, int64(len("body of "+key)), h.ContentLength)
				require.Equal(t, "kept", h.Metadata["note"])
			}
			part, err := c.GetObject(t.Context(), &oss.GetObjectRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr("plain"), Range: oss.Ptr("bytes=5-6")})
			require.NoError(t, err)
			b, err := io.ReadAll(part.Body)
			require.NoError(t, err)
			require.Equal(t, "of", string(b))
			_, err = c.CopyObject(t.Context(), &oss.CopyObjectRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr("copy"), SourceKey: oss.Ptr("a/b/c.txt")})
			require.NoError(t, err)
			require.Equal(t, "body of a/b/c.txt", get(t, c, "copy"))
			_, err = c.DeleteMultipleObjects(t.Context(), &oss.DeleteMultipleObjectsRequest{Bucket: oss.Ptr("things"),
				Objects: []oss.DeleteObject{{Key: oss.Ptr("copy")}, {Key: oss.Ptr("日本語/標題.txt")}}})
			require.NoError(t, err)
			_, err = c.DeleteObject(t.Context(), &oss.DeleteObjectRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr("plain")})
			require.NoError(t, err)
			_, err = c.HeadObject(t.Context(), &oss.HeadObjectRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr("plain")})
			require.Equal(t, "404 NoSuchKey", code(t, err))
			require.Equal(t, []string{"a/b/c.txt", "with space+plus&=~*'"}, s.Keys("things"))
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	s := newStore(t, nil)
	only, err := fakeram.ParsePolicy([]byte(`{"Statement":[{"Effect":"Allow","Action":["oss:PutObject"],"Resource":["acs:oss:*:*:things/mine/*"]}]}`))
	require.NoError(t, err)
	narrow := s.keys.MintWith("upload", "1234", time.Hour, only)
	old := s.keys.Mint("role", "1234", -time.Second)
	limited := s.client(narrow.ID, narrow.Secret, narrow.Token)

	require.NoError(t, put(t, limited, "mine/x", "1"))
	tests := map[string]struct {
		err  error
		want string
	}{
		"unknown key":      {put(t, s.client("nobody", "x", ""), "k", ""), "403 InvalidAccessKeyId"},
		"wrong secret":     {put(t, s.client("testId", "wrong", ""), "k", ""), "403 SignatureDoesNotMatch"},
		"wrong secret, v1": {put(t, v1(s, "testId", "wrong", ""), "k", ""), "403 SignatureDoesNotMatch"},
		"expired token":    {put(t, s.client(old.ID, old.Secret, old.Token), "k", ""), "403 SecurityTokenExpired"},
		"another's token":  {put(t, s.client(narrow.ID, narrow.Secret, "CAISnone"), "k", ""), "403 InvalidSecurityToken"},
		"beyond its right": {put(t, limited, "theirs/x", "1"), "403 AccessDenied"},
		"name too long":    {put(t, s.client(), strings.Repeat("x", 1024), ""), "400 InvalidObjectName"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, code(t, tc.err)) })
	}
	_, err = limited.GetObject(t.Context(), &oss.GetObjectRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr("mine/x")})
	require.Equal(t, "403 AccessDenied", code(t, err))
	_, err = s.client().GetObject(t.Context(), &oss.GetObjectRequest{Bucket: oss.Ptr("nowhere"), Key: oss.Ptr("x")})
	require.Equal(t, "404 NoSuchBucket", code(t, err))
	r, err := http.Get(s.url + "/things/mine/x")
	require.NoError(t, err)
	require.Equal(t, 403, r.StatusCode, "no anonymous reads")
	_ = r.Body.Close()
}

// One of many writers wins, and a bucket with versioning lets all of them: why
// nothing may be kept there that relies on it.
func TestForbidOverwrite(t *testing.T) {
	s := newStore(t, nil)
	for bucket, want := range map[string]int{"things": 1, "kept-versions": 8} {
		var mu sync.Mutex
		won, codes := 0, map[string]int{}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				_, err := s.client().PutObject(t.Context(), &oss.PutObjectRequest{Bucket: oss.Ptr(bucket), Key: oss.Ptr("lease"),
					Body: strings.NewReader(fmt.Sprint(i)), ForbidOverwrite: oss.Ptr("true")})
				mu.Lock()
				defer mu.Unlock()
				var e *oss.ServiceError
				if errors.As(err, &e) {
					codes[e.Code]++
				} else {
					won++
				}
			})
		}
		wg.Wait()
		require.Equal(t, want, won, bucket)
		require.Equal(t, 8-want, codes["FileAlreadyExists"])
	}
}

func TestLists(t *testing.T) {
	s := newStore(t, nil)
	c := s.client()
	var want []string
	for i := range 25 {
		key := fmt.Sprintf("d%d/k %02d", i%3, i)
		require.NoError(t, s.Put("things", key, strings.NewReader("x")))
	}
	want = s.Keys("things")
	var got []string
	pages := c.NewListObjectsV2Paginator(&oss.ListObjectsV2Request{Bucket: oss.Ptr("things"), MaxKeys: 4})
	for pages.HasNext() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Contents), 4)
		for _, o := range page.Contents {
			got = append(got, *o.Key)
		}
	}
	require.Equal(t, want, got)
	got = nil
	for p := v1(s).NewListObjectsPaginator(&oss.ListObjectsRequest{Bucket: oss.Ptr("things"), MaxKeys: 7}); p.HasNext(); {
		page, err := p.NextPage(t.Context())
		require.NoError(t, err)
		for _, o := range page.Contents {
			got = append(got, *o.Key)
		}
	}
	require.Equal(t, want, got)

	var folders []string
	for p := c.NewListObjectsV2Paginator(&oss.ListObjectsV2Request{Bucket: oss.Ptr("things"), Delimiter: oss.Ptr("/"), MaxKeys: 2}); p.HasNext(); {
		page, err := p.NextPage(t.Context())
		require.NoError(t, err)
		require.Empty(t, page.Contents)
		for _, f := range page.CommonPrefixes {
			folders = append(folders, *f.Prefix)
		}
	}
	require.Equal(t, []string{"d0/", "d1/", "d2/"}, folders)
	after, err := c.ListObjectsV2(t.Context(), &oss.ListObjectsV2Request{Bucket: oss.Ptr("things"), Prefix: oss.Ptr("d1/"), StartAfter: oss.Ptr("d1/k 10")})
	require.NoError(t, err)
	require.Equal(t, "d1/k 13", *after.Contents[0].Key)
	_, err = c.ListObjectsV2(t.Context(), &oss.ListObjectsV2Request{Bucket: oss.Ptr("things"), MaxKeys: 1001})
	require.Equal(t, "400 InvalidArgument", code(t, err))
}

func TestMultipart(t *testing.T) {
	var arrived []string
	s := newStore(t, func(o *fakeoss.Options) { o.Arrived = func(b, k string) { arrived = append(arrived, b+"/"+k) } })
	c := s.client()
	body := make([]byte, 700<<10)
	_, _ = rand.Read(body)
	up := oss.NewUploader(c, func(o *oss.UploaderOptions) { o.PartSize = 200 << 10; o.ParallelNum = 3 })
	_, err := up.UploadFrom(t.Context(), &oss.PutObjectRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr("big")}, bytes.NewReader(body))
	require.NoError(t, err)
	require.True(t, bytes.Equal(body, []byte(get(t, c, "big"))))
	require.Equal(t, []string{"things/big"}, arrived, "once, when it is whole")

	start, err := c.InitiateMultipartUpload(t.Context(), &oss.InitiateMultipartUploadRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr("k")})
	require.NoError(t, err)
	for n := range int32(2) {
		_, err := c.UploadPart(t.Context(), &oss.UploadPartRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr("k"), UploadId: start.UploadId, PartNumber: n + 1, Body: strings.NewReader("small")})
		require.NoError(t, err)
	}
	parts, err := c.ListParts(t.Context(), &oss.ListPartsRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr("k"), UploadId: start.UploadId})
	require.NoError(t, err)
	require.Len(t, parts.Parts, 2)
	uploads, err := c.ListMultipartUploads(t.Context(), &oss.ListMultipartUploadsRequest{Bucket: oss.Ptr("things")})
	require.NoError(t, err)
	require.Len(t, uploads.Uploads, 1)
	complete := func(etag string, numbers ...int32) error {
		var list []oss.UploadPart
		for _, n := range numbers {
			list = append(list, oss.UploadPart{PartNumber: n, ETag: oss.Ptr(etag)})
		}
		_, err := c.CompleteMultipartUpload(t.Context(), &oss.CompleteMultipartUploadRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr("k"), UploadId: start.UploadId,
			CompleteMultipartUpload: &oss.CompleteMultipartUpload{Parts: list}})
		return err
	}
	etag := *parts.Parts[0].ETag
	require.Equal(t, "400 EntityTooSmall", code(t, complete(etag, 1, 2)))
	require.Equal(t, "400 InvalidPart", code(t, complete("none", 1)))
	require.Equal(t, "400 InvalidPartOrder", code(t, complete(etag, 1, 1)))
	_, err = c.AbortMultipartUpload(t.Context(), &oss.AbortMultipartUploadRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr("k"), UploadId: start.UploadId})
	require.NoError(t, err)
	require.Equal(t, "404 NoSuchUpload", code(t, complete(etag, 1)))
}

func TestPresignedRequests(t *testing.T) {
	s := newStore(t, nil)
	for name, c := range map[string]*oss.Client{"v4": s.client(), "v1": v1(s)} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, put(t, c, "k", "hello"))
			p, err := c.Presign(t.Context(), &oss.GetObjectRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr("k")}, oss.PresignExpires(time.Minute))
			require.NoError(t, err)
			for url, want := range map[string]int{p.URL: 200, p.URL + "0": 403} {
				r, err := http.Get(url)
				require.NoError(t, err)
				_ = r.Body.Close()
				require.Equal(t, want, r.StatusCode)
			}
		})
	}
}

func TestVirtualHostStyle(t *testing.T) {
	s := newStore(t, nil)
	require.NoError(t, put(t, s.client(), "k", "hello"))
	c := oss.NewClient(oss.LoadDefaultConfig().WithRegion("cn-shanghai").WithEndpoint("http://oss-cn-shanghai.aliyuncs.com").
		WithHttpClient(&http.Client{Transport: redirect{strings.TrimPrefix(s.url, "http://")}}).
		WithCredentialsProvider(credentials.NewStaticCredentialsProvider("testId", "testSecret", "")))
	require.Equal(t, "hello", get(t, c, "k"))
}

// redirect keeps the host name of a request and sends it to the emulator.
type redirect struct{ to string }

func (d redirect) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	r.URL.Host = d.to
	return http.DefaultTransport.RoundTrip(r)
}

func TestBuckets(t *testing.T) {
	s := newStore(t, nil)
	c := s.client()
	_, err := c.PutBucket(t.Context(), &oss.PutBucketRequest{Bucket: oss.Ptr("new-one")})
	require.NoError(t, err)
	info, err := c.GetBucketInfo(t.Context(), &oss.GetBucketInfoRequest{Bucket: oss.Ptr("new-one")})
	require.NoError(t, err)
	require.Equal(t, "oss-cn-shanghai", *info.BucketInfo.Location)
	v, err := c.GetBucketVersioning(t.Context(), &oss.GetBucketVersioningRequest{Bucket: oss.Ptr("kept-versions")})
	require.NoError(t, err)
	require.Equal(t, "Enabled", *v.VersionStatus)
	_, err = c.PutBucketVersioning(t.Context(), &oss.PutBucketVersioningRequest{Bucket: oss.Ptr("new-one"),
		VersioningConfiguration: &oss.VersioningConfiguration{Status: oss.VersionEnabled}})
	require.NoError(t, err)
	list, err := c.ListBuckets(t.Context(), &oss.ListBucketsRequest{})
	require.NoError(t, err)
	require.Len(t, list.Buckets, 3)
	require.NoError(t, put(t, c, "k", "x"))
	_, err = c.DeleteBucket(t.Context(), &oss.DeleteBucketRequest{Bucket: oss.Ptr("things")})
	require.Equal(t, "409 BucketNotEmpty", code(t, err))
	_, err = c.DeleteBucket(t.Context(), &oss.DeleteBucketRequest{Bucket: oss.Ptr("new-one")})
	require.NoError(t, err)
}

func TestObjectsOnDiskSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	on := func(o *fakeoss.Options) { o.Dir = dir }
	s := newStore(t, on)
	require.NoError(t, put(t, s.client(), "a/../b", "kept"))
	require.NoError(t, put(t, s.client(), "gone", "x"))
	require.NoError(t, s.Remove("things", "gone"))
	again := newStore(t, func(o *fakeoss.Options) { o.Dir, o.Buckets, o.Versioned = dir, nil, nil })
	require.Equal(t, []string{"a/../b"}, again.Keys("things"))
	r, err := again.Open("things", "a/../b")
	require.NoError(t, err)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, "kept", string(b))
	h, err := again.client().HeadObject(t.Context(), &oss.HeadObjectRequest{Bucket: oss.Ptr("things"), Key: oss.Ptr("a/../b")})
	require.NoError(t, err)
	require.Equal(t, "kept", h.Metadata["note"])
}

func TestFaults(t *testing.T) {
	var f calls.Fault
	s := newStore(t, func(o *fakeoss.Options) { o.Fault = func(op, _, _ string) calls.Fault { return f } })
	f = calls.Fault{Status: 503, Code: "ServiceUnavailable", Message: "busy"}
	require.Equal(t, "503 ServiceUnavailable", code(t, put(t, s.client(), "before", "x")))
	f.After = true
	require.Equal(t, "503 ServiceUnavailable", code(t, put(t, s.client(), "after", "x")))
	f = calls.Fault{Reset: true}
	require.Error(t, put(t, s.client(), "reset", "x"))
	require.Equal(t, []string{"after"}, s.Keys("things"))
	require.Equal(t, 3, s.Log().Count("PutObject"))
}
