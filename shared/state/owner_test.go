package state_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakeoss"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// A bucket's name is worldwide: somebody else may have taken it.
func TestABucketOfAnotherAccountIsRefused(t *testing.T) {
	o := newOSS(t)
	var err error
	o.fake, err = fakeoss.New(fakeoss.Options{
		Keys: fakeram.New(fakeram.Key{ID: "id", Secret: "a-secret", Account: "1000"}), Buckets: []string{"ours", "theirs"}, Owners: map[string]string{"theirs": "2000"},
	})
	require.NoError(t, err)
	o.url = serve(t, o.fake)
	open := func(bucket, owner string, readOnly bool) error {
		options := o.options("id", "a-secret")
		options.Owner, options.ReadOnly = owner, readOnly
		s, err := state.Open(t.Context(), "oss://"+bucket+"/v1", options)
		if err == nil {
			require.NoError(t, s.Close())
		}
		return err
	}
	require.NoError(t, open("ours", "1000", false))
	require.NoError(t, open("theirs", "", true), "nobody asks")
	for _, readOnly := range []bool{true, false} {
		err := open("theirs", "1000", readOnly)
		require.ErrorIs(t, err, video.ErrForbidden)
		require.ErrorContains(t, err, "bucket theirs belongs to account 2000, not to 1000")
	}
	require.Empty(t, o.fake.Keys("theirs"), "not even the probe")

	o.fault = func(r *http.Request, do func() (*http.Response, error)) (*http.Response, error) {
		if r.URL.Query().Has("bucketInfo") {
			return answered(r, http.StatusForbidden, "AccessDenied"), nil
		}
		return do()
	}
	err = open("ours", "1000", false)
	require.ErrorIs(t, err, video.ErrForbidden)
	require.ErrorContains(t, err, "oss:GetBucketInfo is missing")
}
