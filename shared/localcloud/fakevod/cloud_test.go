package fakevod_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	osscred "github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakeoss"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
)

// start is the library's time in these tests: not the present, so that a mix-up shows.
var start = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

type cloud struct {
	*fakevod.Server
	OSS  *fakeoss.Server
	Keys *fakeram.Keys
	URL  string

	mu  sync.Mutex
	now time.Time
}

func (c *cloud) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *cloud) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newCloud runs fakevod and fakeoss on loopback, for key "testId" with secret "testSecret".
func newCloud(t testing.TB, change func(*fakevod.Options)) *cloud {
	t.Helper()
	c := &cloud{Keys: fakeram.New(fakeram.Key{ID: "testId", Secret: "testSecret", Account: "1234567890123456"}), now: start}
	var store *fakeoss.Server
	objects, err := fakeoss.New(fakeoss.Options{Keys: c.Keys, Now: c.Now, Region: "cn-shanghai",
		Arrived: func(bucket, key string) { c.Arrived(bucket, key) }})
	require.NoError(t, err)
	store = objects
	ossServer := httptest.NewServer(store)
	t.Cleanup(ossServer.Close)
	opt := fakevod.Options{Keys: c.Keys, Now: c.Now, Seed: 7, Objects: store, OSSEndpoint: ossServer.URL, RateScale: -1}
	if change != nil {
		change(&opt)
	}
	s, err := fakevod.New(opt)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, store.CreateBucket(s.Bucket(), false))
	vodServer := httptest.NewServer(s)
	t.Cleanup(vodServer.Close)
	c.Server, c.OSS, c.URL = s, store, vodServer.URL
	return c
}

// sdk is the official client, bare.
func (c *cloud) sdk(t testing.TB, cred any) *vod.Client {
	t.Helper()
	if cred == nil {
		cred = credentials.NewAccessKeyCredential("testId", "testSecret")
	}
	client, err := vod.NewClientWithOptions("cn-shanghai", sdk.NewConfig(), cred)
	require.NoError(t, err)
	client.Domain = strings.TrimPrefix(c.URL, "http://")
	return client
}

func media(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "media", name))
	require.NoError(t, err)
	return b
}

// putUpload does what an upload SDK does with the two opaque fields of an answer.
func putUpload(t testing.TB, address, auth string, body []byte) {
	t.Helper()
	var to struct{ Endpoint, Bucket, FileName string }
	var with struct{ AccessKeyId, AccessKeySecret, SecurityToken, Region string } //nolint:revive // the wire's names
	for text, into := range map[string]any{address: &to, auth: &with} {
		raw, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, into))
	}
	client := oss.NewClient(oss.LoadDefaultConfig().WithRegion(with.Region).WithEndpoint(to.Endpoint).WithUsePathStyle(true).
		WithCredentialsProvider(osscred.NewStaticCredentialsProvider(with.AccessKeyId, with.AccessKeySecret, with.SecurityToken)))
	_, err := client.PutObject(t.Context(), &oss.PutObjectRequest{Bucket: oss.Ptr(to.Bucket), Key: oss.Ptr(to.FileName), Body: strings.NewReader(string(body))})
	require.NoError(t, err)
}

func (c *cloud) settle(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, c.Settle(ctx))
}

func (c *cloud) upload(t testing.TB, name, title string) string {
	t.Helper()
	id, err := c.Upload(fakevod.Upload{FileName: name, Title: title}, media(t, name))
	require.NoError(t, err)
	c.settle(t)
	return id
}

// code is the error code and status of a refused call.
func code(t testing.TB, err error) (string, int) {
	t.Helper()
	var e *sdkerrors.ServerError
	require.ErrorAs(t, err, &e)
	return e.ErrorCode(), e.HttpStatus()
}

// hook collects notifications.
type hook struct {
	mu     sync.Mutex
	bodies []map[string]any
	heads  []http.Header
	status func(n int) int
	*httptest.Server
}

func newHook(t testing.TB) *hook {
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		err := json.NewDecoder(r.Body).Decode(&body)
		h.mu.Lock()
		defer h.mu.Unlock()
		if err == nil {
			h.bodies, h.heads = append(h.bodies, body), append(h.heads, r.Header.Clone())
		}
		if h.status != nil {
			w.WriteHeader(h.status(len(h.bodies)))
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) kinds() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, b := range h.bodies {
		k, _ := b["EventType"].(string)
		out = append(out, k)
	}
	return out
}
