package state_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakeoss"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/state"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

// ossServer is an emulated OSS with the buckets "state" and, with versioning, "versioned".
type ossServer struct {
	url  string
	fake *fakeoss.Server
	// fault may answer in the place of the server, or call it and answer otherwise.
	fault func(r *http.Request, do func() (*http.Response, error)) (*http.Response, error)
}

func newOSS(t testing.TB) *ossServer {
	t.Helper()
	fake, err := fakeoss.New(fakeoss.Options{
		Keys: fakeram.New(fakeram.Key{ID: "id", Secret: "a-secret"}), Buckets: []string{"state"}, Versioned: []string{"versioned"},
	})
	require.NoError(t, err)
	return &ossServer{url: serve(t, fake), fake: fake}
}

// serve gives a fake an address.
func serve(t testing.TB, fake *fakeoss.Server) string {
	t.Helper()
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	return server.URL
}

func (o *ossServer) RoundTrip(r *http.Request) (*http.Response, error) {
	do := func() (*http.Response, error) { return http.DefaultTransport.RoundTrip(r) }
	if o.fault != nil {
		return o.fault(r, do)
	}
	return do()
}

func (o *ossServer) options(id, secret string) state.Options {
	return state.Options{
		Region: "cn-shanghai", Endpoint: o.url, HTTP: &http.Client{Transport: o},
		Credentials: func(context.Context) (string, string, string, error) { return id, secret, "", nil },
	}
}

func (o *ossServer) open(t testing.TB, spec string) *state.Store {
	t.Helper()
	s, err := state.Open(context.Background(), spec, o.options("id", "a-secret"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// answered is an answer that the server did not give.
func answered(r *http.Request, status int, code string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"X-Oss-Request-Id": {"REQ"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(fmt.Sprintf("<Error><Code>%s</Code><Message>m</Message><RequestId>REQ</RequestId></Error>", code))),
	}
}

func TestABucketThatOverwritesIsRefused(t *testing.T) {
	o := newOSS(t)
	for range 2 { // the second time its probe is there from the first
		_, err := state.Open(t.Context(), "oss://versioned/v1", o.options("id", "a-secret"))
		require.ErrorContains(t, err, "versioning")
	}
	ro := o.options("id", "a-secret")
	ro.ReadOnly = true
	s, err := state.Open(t.Context(), "oss://versioned/v1", ro)
	require.NoError(t, err, "to read is no harm")
	require.ErrorIs(t, s.Create(t.Context(), "a", nil), state.ErrReadOnly)
}

func TestTheProbeIsOneObjectAndIsNotListed(t *testing.T) {
	o := newOSS(t)
	for range 3 {
		s := o.open(t, "oss://state/v1")
		require.Empty(t, statetest.Keys(t, s.List(t.Context(), "", "")))
	}
	require.Equal(t, []string{"v1/probe"}, o.fake.Keys("state"))
}

func TestOpenNamesWhatIsWrongWithTheBucket(t *testing.T) {
	o := newOSS(t)
	for spec, want := range map[string]string{
		"oss://":             "want oss://bucket/prefix",
		"oss://state/../out": "want oss://bucket/prefix",
		"oss://nothing/v1":   "there is no bucket nothing",
	} {
		_, err := state.Open(t.Context(), spec, o.options("id", "a-secret"))
		require.ErrorContains(t, err, want, spec)
		require.NotErrorIs(t, err, video.ErrNotFound, "which would mean an empty state")
	}
	_, err := state.Open(t.Context(), "oss://state/v1", state.Options{})
	require.ErrorContains(t, err, "region and credentials")
	_, err = state.Open(t.Context(), "oss://state/v1", o.options("id", "another-secret"))
	require.ErrorIs(t, err, video.ErrForbidden)
	require.NotContains(t, err.Error(), "secret")
}

// A put that took effect but was answered 5xx comes back as "exists".
func TestAPutThatTookEffectIsOursAlthoughItsAnswerWasLost(t *testing.T) {
	lost := map[string]func(*http.Request) (*http.Response, error){
		"answered 500": func(r *http.Request) (*http.Response, error) { return answered(r, 500, "InternalError"), nil },
		"cut off":      func(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset by peer") },
	}
	for name, answer := range lost {
		t.Run(name, func(t *testing.T) {
			o := newOSS(t)
			s := o.open(t, "oss://state/v1")
			var puts atomic.Int64
			o.fault = func(r *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
				resp, err := do()
				if r.Method == http.MethodPut && puts.Add(1) == 1 {
					require.NoError(t, err)
					require.NoError(t, resp.Body.Close())
					return answer(r)
				}
				return resp, err
			}
			require.NoError(t, s.Create(t.Context(), "lease/1", []byte("mine")))
			require.EqualValues(t, 2, puts.Load())
			require.ErrorIs(t, s.Create(t.Context(), "lease/1", []byte("mine")), state.ErrExists, "once only")
		})
	}
}

func TestARivalIsBelievedAfterAnUnclearAnswer(t *testing.T) {
	o := newOSS(t)
	s := o.open(t, "oss://state/v1")
	first := true
	o.fault = func(r *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		if r.Method == http.MethodPut && first {
			first = false
			require.NoError(t, o.fake.Put("state", "v1/lease/1", strings.NewReader("theirs")))
			return answered(r, 503, "ServiceUnavailable"), nil
		}
		return do()
	}
	require.ErrorIs(t, s.Create(t.Context(), "lease/1", []byte("mine")), state.ErrExists)
}

func TestAPutThatNobodyAnswersIsUnknown(t *testing.T) {
	o := newOSS(t)
	s := o.open(t, "oss://state/v1")
	o.fault = func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
		return answered(r, 500, "InternalError"), nil
	}
	err := s.Create(t.Context(), "a", nil)
	require.ErrorIs(t, err, video.ErrUnknownOutcome)
	require.ErrorContains(t, err, "500 InternalError, request REQ")
}

func TestObjectsOfOthersAreNotListed(t *testing.T) {
	o := newOSS(t)
	s := o.open(t, "oss://state/v1")
	for _, key := range []string{"v1/plans/", "v1/.x/a", "v2/plans/b", "v1-old/a"} {
		require.NoError(t, o.fake.Put("state", key, strings.NewReader("")))
	}
	require.NoError(t, s.Create(t.Context(), "plans/a", nil))
	require.Equal(t, []string{"plans/a"}, statetest.Keys(t, s.List(t.Context(), "", "")))
}

func TestALongListIsReadToItsEnd(t *testing.T) {
	o := newOSS(t)
	s := o.open(t, "oss://state/v1")
	var want []string
	for i := range 2100 {
		want = append(want, fmt.Sprintf("edits/%06d", i))
		require.NoError(t, o.fake.Put("state", "v1/"+want[i], strings.NewReader("")))
	}
	require.Equal(t, want, statetest.Keys(t, s.List(t.Context(), "edits/", "")))
	require.Equal(t, want[1001:], statetest.Keys(t, s.List(t.Context(), "edits/", want[1000])))
}
