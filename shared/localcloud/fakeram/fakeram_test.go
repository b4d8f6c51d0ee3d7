package fakeram_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/localcloud/fakeram"
)

func TestPolicy(t *testing.T) {
	tests := map[string]struct {
		policy, action, resource string
		want                     bool
	}{
		"no statement grants nothing":  {`{"Version":"1","Statement":[]}`, "vod:GetVideoInfo", "*", false},
		"named":                        {`{"Statement":[{"Effect":"Allow","Action":["vod:GetVideoInfo"],"Resource":"*"}]}`, "vod:GetVideoInfo", "*", true},
		"another operation":            {`{"Statement":[{"Effect":"Allow","Action":["vod:GetVideoInfo"],"Resource":"*"}]}`, "vod:GetVideoInfos", "*", false},
		"star at the end":              {`{"Statement":[{"Effect":"Allow","Action":"vod:Get*","Resource":"*"}]}`, "vod:GetVideoInfos", "*", true},
		"star in the middle":           {`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"acs:oss:*:*:bucket/*/x"}]}`, "oss:GetObject", "acs:oss:cn:1:bucket/a/b/x", true},
		"star does not stretch beyond": {`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"acs:oss:*:*:bucket/a*"}]}`, "oss:GetObject", "acs:oss:cn:1:other/a", false},
		"question mark is one":         {`{"Statement":[{"Effect":"Allow","Action":"vod:?etVideo","Resource":"*"}]}`, "vod:GetVideo", "*", true},
		"deny beats allow":             {`{"Statement":[{"Effect":"Deny","Action":"vod:Delete*","Resource":"*"},{"Effect":"Allow","Action":"vod:*","Resource":"*"}]}`, "vod:DeleteVideo", "*", false},
		"deny of something else":       {`{"Statement":[{"Effect":"Deny","Action":"vod:Delete*","Resource":"*"},{"Effect":"Allow","Action":"vod:*","Resource":"*"}]}`, "vod:GetVideo", "*", true},
		"case counts":                  {`{"Statement":[{"Effect":"Allow","Action":"vod:getvideoinfo","Resource":"*"}]}`, "vod:GetVideoInfo", "*", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := fakeram.ParsePolicy([]byte(tc.policy))
			require.NoError(t, err)
			keys := fakeram.New(fakeram.Key{ID: "k", Policy: p})
			require.Equal(t, tc.want, keys.Allowed("k", tc.action, tc.resource))
		})
	}
}

func TestAPolicyBeyondTheEmulatorIsRefused(t *testing.T) {
	for name, doc := range map[string]string{
		"condition":    `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{}}}]}`,
		"not action":   `{"Statement":[{"Effect":"Allow","NotAction":"vod:*","Resource":"*"}]}`,
		"no effect":    `{"Statement":[{"Action":"*","Resource":"*"}]}`,
		"no resource":  `{"Statement":[{"Effect":"Allow","Action":"*"}]}`,
		"two of them":  `{"Statement":[]}{}`,
		"not JSON":     `Allow everything`,
		"wrong action": `{"Statement":[{"Effect":"Allow","Action":1,"Resource":"*"}]}`,
	} {
		_, err := fakeram.ParsePolicy([]byte(doc))
		require.Error(t, err, name)
	}
}

func TestWithoutAPolicyAKeyMayDoAll(t *testing.T) {
	keys := fakeram.New(fakeram.Key{ID: "k"})
	require.True(t, keys.Allowed("k", "vod:DeleteVideo", "*"))
	require.False(t, keys.Allowed("stranger", "vod:GetVideoInfo", "*"))
}

func TestRoleCredentialsExpireByTheRealClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var keys fakeram.Keys
		only, err := fakeram.ParsePolicy([]byte(`{"Statement":[{"Effect":"Allow","Action":"vod:Get*","Resource":"*"}]}`))
		require.NoError(t, err)
		keys.SetRole("reader", only)
		k := keys.Mint("reader", "1234", time.Hour)

		got, err := keys.Authenticate(k.ID, k.Token)
		require.NoError(t, err)
		require.Equal(t, k.Secret, got.Secret)
		require.True(t, keys.Allowed(k.ID, "vod:GetVideoInfo", "*"))
		require.False(t, keys.Allowed(k.ID, "vod:DeleteVideo", "*"))

		_, err = keys.Authenticate(k.ID, "")
		require.ErrorIs(t, err, fakeram.ErrTokenWrong)
		_, err = keys.Authenticate("nobody", k.Token)
		require.ErrorIs(t, err, fakeram.ErrUnknownKey)
		time.Sleep(time.Hour)
		_, err = keys.Authenticate(k.ID, k.Token)
		require.ErrorIs(t, err, fakeram.ErrTokenExpired)
	})
}

func TestIdentity(t *testing.T) {
	keys := fakeram.New(fakeram.Key{ID: "own", Account: "1234"})
	id, ok := keys.Identity("own")
	require.True(t, ok)
	require.Equal(t, "acs:ram::1234:root", id.ARN)
	require.Equal(t, "1234", id.AccountID)
	k := keys.Mint("purge", "1234", time.Minute)
	id, ok = keys.Identity(k.ID)
	require.True(t, ok)
	require.Equal(t, "AssumedRoleUser", id.IdentityType)
	require.Equal(t, "acs:ram::1234:assumed-role/purge/local", id.ARN)
	_, ok = keys.Identity("stranger")
	require.False(t, ok)
}

func TestAKeyNeverPrintsItsSecret(t *testing.T) {
	k := fakeram.New().Mint("r", "1", time.Minute)
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		out := fmt.Sprintf(form, k)
		require.NotContains(t, out, k.Secret)
		require.NotContains(t, out, k.Token)
	}
}

func TestManyAtOnce(t *testing.T) {
	var keys fakeram.Keys
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 50 {
				k := keys.Mint("r", "1", -2*time.Hour)
				keys.Allowed(k.ID, "a", "b")
				keys.Remove(k.ID)
			}
		})
	}
	wg.Wait()
}

// A pattern made from a value by replacing pieces with * always matches the value.
func TestStarLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[ab:/]{0,12}`).Draw(t, "value")
		i := rapid.IntRange(0, len(value)).Draw(t, "i")
		j := rapid.IntRange(i, len(value)).Draw(t, "j")
		p := &fakeram.Policy{Statement: []fakeram.Statement{{Effect: "Allow", Action: fakeram.Strings{value[:i] + "*" + value[j:]}, Resource: fakeram.Strings{"*"}}}}
		require.True(t, p.Allows(value, "x"))
	})
}
