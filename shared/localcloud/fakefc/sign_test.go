package fakefc_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/localcloud/fakeram"
)

func TestASignatureMayBeRequired(t *testing.T) {
	for _, required := range []bool{false, true} {
		s, err := fakefc.New(fakefc.Options{Keys: fakeram.New(), Signed: required})
		require.NoError(t, err)
		t.Cleanup(s.Close)
		for authorization, want := range map[string]int{"": map[bool]int{false: 404, true: 403}[required], "FC nobody:x": 403, "Basic x": 403, "ACS3-HMAC-SHA256 x": 403} {
			r := httptest.NewRequest(http.MethodPost, "/2023-03-30/functions/none/invocations", strings.NewReader(""))
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			require.Equal(t, want, w.Code, "%q %s", authorization, w.Body)
		}
	}
}
