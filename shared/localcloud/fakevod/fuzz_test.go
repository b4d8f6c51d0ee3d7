package fakevod_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
)

// The kept seeds are in testdata/fuzz; what is here is where every run begins.

func FuzzRPC(f *testing.F) {
	s, err := fakevod.New(fakevod.Options{Keys: fakeram.New(fakeram.Key{ID: "testId", Secret: "testSecret"}), RateScale: -1, Now: func() time.Time { return start }})
	require.NoError(f, err)
	s.Seed(fakevod.Asset{ID: "v", Title: "t", Streams: []fakevod.Stream{{JobID: "j", Definition: "LD", Height: 2}}}, fakevod.Asset{ID: "i", Kind: "image", Picture: &fakevod.Picture{}})
	for _, op := range fakevod.Operations() {
		f.Add("POST", op, "VideoId=v&VideoIds=v,x&MediaIds=v&ImageIds=i&ImageId=i&JobIds=j&DeleteImageType=ImageId&PageNo=2&PageSize=3", "", true)
		f.Add("GET", op, "", "", true)
	}
	f.Add("POST", "SearchMedia", "Match=Title%3D'a'&Fields=Title&SearchType=image", "", true)
	f.Add("POST", "UpdateVideoInfos", "", `UpdateContent=[{"VideoId":"v","Title":null,"CateId":-5}]`, true)
	f.Add("PUT", "%zz", "%zz&;=&=", "\xff\x00", false)
	c := &cloud{Server: s}
	f.Fuzz(func(t *testing.T, method, op, query, form string, signed bool) {
		c.fuzzed(t, method, op, query, form, signed)
	})
}

// fuzzed sends one request, by the book or not, and wants JSON of the service's form back.
func (c *cloud) fuzzed(t *testing.T, method, op, query, form string, signed bool) {
	q := common(op)
	if more, err := url.ParseQuery(query); err == nil {
		for k, v := range more {
			q[k] = v
		}
	}
	all := url.Values{}
	for k, v := range q {
		all[k] = v
	}
	if more, err := url.ParseQuery(form); err == nil && method == "POST" {
		for k, v := range more {
			all[k] = v
		}
	}
	if signed {
		q.Set("Signature", sign(method, all, "testSecret"))
	}
	raw := q.Encode()
	if !signed {
		raw = query
	}
	r := &http.Request{Method: method, URL: &url.URL{Path: "/", RawQuery: raw}, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
		Host: "127.0.0.1", Body: http.NoBody}
	if form != "" {
		r.Body = struct {
			*strings.Reader
			nothing
		}{strings.NewReader(form), nothing{}}
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	if w.Header().Get("Content-Type") == "text/xml;charset=utf-8" {
		require.Contains(t, w.Body.String(), "<Code>")
		return
	}
	var out map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out), "%s", w.Body)
	require.NotEmpty(t, out["RequestId"])
	if w.Code != 200 {
		require.NotEmpty(t, out["Code"])
		require.GreaterOrEqual(t, w.Code, 400)
	}
}

type nothing struct{}

func (nothing) Close() error { return nil }

func FuzzMatch(f *testing.F) {
	for _, m := range []string{"", "Title='a'", "(Size=[1,2) and Tags in ('x',\"y\"))", "CreationTime=('2018-01-01T00:00:00Z',)", "((((", "a=b or c=d", "Title='\xff'"} {
		f.Add(m, "video")
		f.Add(m, "image")
	}
	s, err := fakevod.New(fakevod.Options{Keys: fakeram.New(fakeram.Key{ID: "testId", Secret: "testSecret"}), RateScale: -1})
	require.NoError(f, err)
	s.Seed(fakevod.Asset{ID: "v", Title: "a"}, fakevod.Asset{ID: "i", Kind: "image"})
	c := &cloud{Server: s}
	f.Fuzz(func(t *testing.T, match, kind string) {
		status, out := c.call(t, "SearchMedia", "Match", match, "SearchType", kind)
		if status == 200 {
			require.NotNil(t, out["MediaList"])
			return
		}
		require.Equal(t, 400, status)
		require.Contains(t, []any{"ErrorMatchSyntax", "InvalidParameter"}, out["Code"])
	})
}
