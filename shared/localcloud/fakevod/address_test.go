package fakevod_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakeoss"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
)

// An address ends after AuthTimeout, at the object store.
func TestAddressesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := fakeram.New(fakeram.Key{ID: "testId", Secret: "testSecret", Account: "1234"})
		s, err := fakevod.New(fakevod.Options{Keys: keys, Account: "1234"})
		require.NoError(t, err)
		store, err := fakeoss.New(fakeoss.Options{Keys: keys, Buckets: []string{s.Bucket()}})
		require.NoError(t, err)
		c := &cloud{Server: s}
		const key = "sv/a b+語.mp4"
		require.NoError(t, store.Put(s.Bucket(), key, strings.NewReader("bytes")))
		c.Seed(fakevod.Asset{ID: "v", Source: &fakevod.Source{Status: "Normal", FileName: "a.mp4", Key: key}, Streams: []fakevod.Stream{{JobID: "j", Definition: "OD", Format: "mp4", Height: 2}}},
			fakevod.Asset{ID: "i", Kind: "image", Picture: &fakevod.Picture{Key: key, URL: "http://" + s.Bucket() + ".oss-cn-shanghai.aliyuncs.com/" + key}})
		ask := func(params ...string) string {
			q := common(params[0])
			for i := 1; i < len(params); i += 2 {
				q.Set(params[i], params[i+1])
			}
			q.Set("Signature", sign("GET", q, "testSecret"))
			status, out := c.do(t, "GET", q, nil)
			require.Equal(t, 200, status, "%v", out)
			text, err := json.Marshal(out)
			require.NoError(t, err)
			_, address, ok := strings.Cut(string(text), `URL":"http`)
			require.True(t, ok, "%s", text)
			address, _, _ = strings.Cut(address, `"`)
			return "http" + strings.ReplaceAll(address, `\u0026`, "&")
		}
		get := func(method, address string) int {
			u, err := url.Parse(address)
			require.NoError(t, err)
			r := httptest.NewRequest(method, u.RequestURI(), nil)
			r.Host = u.Host
			w := httptest.NewRecorder()
			store.ServeHTTP(w, r)
			return w.Code
		}
		for _, call := range [][]string{{"GetMezzanineInfo", "VideoId", "v", "OutputType", "oss"}, {"GetPlayInfo", "VideoId", "v"}, {"GetImageInfo", "ImageId", "i", "OutputType", "oss"},
			{"GetImageInfos", "ImageIds", "i", "OutputType", "oss"}} {
			short, long := ask(append(call, "AuthTimeout", "60")...), ask(call...)
			require.Equal(t, 200, get(http.MethodGet, short), call)
			require.Equal(t, 403, get(http.MethodPut, short), "it reads and does nothing else")
			time.Sleep(61 * time.Second)
			require.Equal(t, 403, get(http.MethodGet, short), call)
			require.Equal(t, 200, get(http.MethodGet, long), "an hour, when nothing is said")
			time.Sleep(time.Hour)
			require.Equal(t, 403, get(http.MethodGet, long), call)
		}
		require.NotContains(t, ask("GetMezzanineInfo", "VideoId", "v", "OutputType", "cdn"), "?")
	})
}
