package conformance_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
)

// testRaw makes the requests that no client here can: written from the provider's
// description of them.
func testRaw(t *testing.T, d dossier) {
	c := localcloud.RunT(t, localcloud.Options{Faults: "none"})
	env := c.Env()
	at := time.Now().UTC()
	stamp, scope := at.Format("20060102T150405Z"), at.Format("20060102")+"/cn-shanghai/mns/aliyun_v4_request"
	key := []byte("aliyun_v4" + env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"])
	for _, part := range append(strings.Split(scope, "/"), "MNS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\nGET\n/queues\n\nx-mns-version:2015-06-06\n\n") {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, env["MNS_ENDPOINT"]+"/queues", nil)
	require.NoError(t, err)
	r.Header.Set("Date", at.Format(http.TimeFormat))
	r.Header.Set("x-mns-version", "2015-06-06")
	r.Header.Set("Authorization", "MNS4-HMAC-SHA256 Credential="+env["ALIBABA_CLOUD_ACCESS_KEY_ID"]+"/"+scope+",Signature="+hex.EncodeToString(key))
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
	d.pass("MNS", everyCall, "parameter", "signature version 4")
}
