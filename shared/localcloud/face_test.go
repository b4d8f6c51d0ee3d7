package localcloud_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// With TLS each address answers HTTPS beside HTTP; whoever does not trust the certificate
// gets nothing, and the certificate goes with the cloud.
func TestEveryAddressAnswersHTTPS(t *testing.T) {
	c, err := localcloud.Start(t.Context(), localcloud.Options{TLS: true, Faults: "none"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	env := c.Env()
	text, err := os.ReadFile(env["LOCAL_CERTIFICATE"])
	require.NoError(t, err)
	trusted := x509.NewCertPool()
	require.True(t, trusted.AppendCertsFromPEM(text))
	through := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}}
	t.Cleanup(through.CloseIdleConnections)
	for _, name := range []string{"VOD_ENDPOINT", "MNS_ENDPOINT", "OSS_ENDPOINT", "FUNCTIONS_ENDPOINT"} {
		for _, address := range []string{env[name], strings.Replace(env[name], "http:", "https:", 1)} {
			r, err := (&http.Client{Transport: through}).Get(address + "/")
			require.NoError(t, err, name)
			require.NoError(t, r.Body.Close())
			require.Positive(t, r.StatusCode)
		}
	}
	_, err = http.Get(strings.Replace(env["VOD_ENDPOINT"], "http:", "https:", 1))
	require.ErrorContains(t, err, "certificate")

	cfg := sdk.NewConfig()
	cfg.Scheme, cfg.HttpTransport = "HTTPS", through
	client, err := vod.NewClientWithOptions("cn-shanghai", cfg, credentials.NewAccessKeyCredential(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]))
	require.NoError(t, err)
	client.Domain = strings.TrimPrefix(env["VOD_ENDPOINT"], "http://")
	ask := vod.CreateGetCategoriesRequest()
	ask.Scheme = "https"
	_, err = client.GetCategories(ask)
	require.NoError(t, err)

	silent, err := net.Dial("tcp", strings.TrimPrefix(env["OSS_ENDPOINT"], "http://")) // it does not keep the cloud from ending
	require.NoError(t, err)
	defer silent.Close() //nolint:errcheck // the server has closed it
	c.Close()
	require.NoFileExists(t, env["LOCAL_CERTIFICATE"])
}

func TestHealthAndReadiness(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{})
	for _, path := range []string{"health", "ready", "openapi.json", "status"} {
		r, err := http.Get(c.Env()["FUNCTIONS_ENDPOINT"] + "/_local/" + path)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		require.Equal(t, http.StatusOK, r.StatusCode, path)
	}
}

func TestPlaysAndFindingsOfWhatIsThere(t *testing.T) {
	c := localcloud.RunT(t, localcloud.Options{})
	base := c.Env()["FUNCTIONS_ENDPOINT"] + "/_local/"
	id := c.VOD.Seed(fakevod.Asset{Title: "t"})[0]
	require.Equal(t, 200, post(t, base+"views", `[{"id":"`+id+`","date":"2026-01-31","vv":3,"seconds":1.5},{"id":"`+id+`","date":"2026-01-31"}]`, nil))
	require.Equal(t, []fakevod.View{{ID: id, Date: "2026-01-31", VV: 4, UV: 2, Milliseconds: 1500}}, c.VOD.Views())
	require.Equal(t, 200, post(t, base+"findings/"+id, `{"VideoTagResult":{"Category":[{"Tag":"travel"}]}}`, nil))
	for body, path := range map[string]string{
		`[{"id":"none"}]`: "views", `[{"id":"` + id + `","date":"yesterday"}]`: "views", `{}`: "views", `[`: "findings/" + id,
	} {
		require.Equal(t, 400, post(t, base+path, body, nil), body)
	}
	require.Equal(t, 404, post(t, base+"findings/none", `{}`, nil))
}

func TestReadingsAreTurnedOnByName(t *testing.T) {
	var seen localcloud.Services
	localcloud.RunT(t, localcloud.Options{Readings: []string{"BareOr", "ZeroPriority", "AsyncMeansSync"}, Tune: func(s *localcloud.Services) { seen = *s }})
	require.True(t, seen.VOD.BareOr && seen.MNS.Doubts.ZeroPriority && seen.FC.Doubts.AsyncMeansSync)
	require.False(t, seen.VOD.FuzzyWord || seen.FC.Doubts.StrictHTTP)
	_, err := localcloud.Start(t.Context(), localcloud.Options{Readings: []string{"Sideways"}})
	require.ErrorContains(t, err, `reading "Sideways": it is one of EmptyIgnored`)
	require.Empty(t, localcloud.Readings("oss"))
}

// BenchmarkReset is what a suite pays between two tests that share a cloud, with a
// hundred media, ten messages and ten objects of the test before.
func BenchmarkReset(b *testing.B) {
	c := localcloud.RunT(b, localcloud.Options{Faults: "none", Callback: "none"})
	for b.Loop() {
		b.StopTimer()
		fill(b, c)
		b.StartTimer()
		require.NoError(b, c.Reset())
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms/reset")
}

func fill(t testing.TB, c *localcloud.Cloud) {
	t.Helper()
	require.NoError(t, c.VOD.Generate(100, 1))
	for range 10 {
		_, err := c.MNS.Enqueue(c.Env()["METADATA_QUEUE"], "x")
		require.NoError(t, err)
		require.NoError(t, c.OSS.Put("vodcurator-state", "k"+t.Name(), strings.NewReader("x")))
	}
}
