package vod_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

func TestKeysAreReplacedBeforeTheyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fetched, broken := 0, false
		credentials := vod.Refreshed(func(context.Context) (vod.Keys, error) {
			if broken {
				return vod.Keys{}, errors.New("no role today")
			}
			fetched++
			time.Sleep(time.Second)
			return vod.Keys{ID: strconv.Itoa(fetched), Secret: testSecret, Expires: time.Now().Add(time.Hour)}, nil
		})
		get := func() (string, error) { id, _, _, err := credentials(t.Context()); return id, err }
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { _, _ = get() })
		}
		wg.Wait()
		require.Equal(t, 1, fetched, "eight callers, one fetch")
		time.Sleep(54 * time.Minute)
		id, err := get()
		require.NoError(t, err)
		require.Equal(t, "1", id)
		time.Sleep(2 * time.Minute)
		broken = true
		id, err = get()
		require.NoError(t, err, "keys that live bridge a failure")
		require.Equal(t, "1", id)
		broken = false
		id, err = get()
		require.NoError(t, err)
		require.Equal(t, "2", id)
		broken = true
		time.Sleep(59*time.Minute + 30*time.Second)
		_, err = get()
		require.ErrorContains(t, err, "no role today")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, _, err = credentials(ctx)
		require.Error(t, err)
	})
}

func TestARoleIsAssumed(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		if r.op == "AssumeRole" {
			return ok(map[string]any{"Credentials": map[string]any{
				"AccessKeyId": "STS.1", "AccessKeySecret": testSecret, "SecurityToken": testToken, "Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
			}})
		}
		return ok(aVideo)
	})
	credentials, err := vod.Assume(vod.Role{ARN: "acs:ram::1:role/r", Endpoint: s.URL}, vod.Static(testKey, testSecret, ""))
	require.NoError(t, err)
	c := s.client(t, func(c *vod.Config) { c.Credentials = credentials })
	for range 3 {
		_, err = c.Video(t.Context(), "v")
		require.NoError(t, err)
	}
	require.Len(t, s.calls("AssumeRole"), 1)
	require.Equal(t, "acs:ram::1:role/r", s.calls("AssumeRole")[0].params.Get("RoleArn"))
	require.Equal(t, "2015-04-01", s.calls("AssumeRole")[0].params.Get("Version"))
	sent := s.calls("GetVideoInfo")[0].params
	require.Equal(t, "STS.1", sent.Get("AccessKeyId"))
	require.Equal(t, testToken, sent.Get("SecurityToken"))
}

func TestKeysThatCannotBeFetchedTodayAreNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client, stop := inBubble(t, func(request) (int, string) { return ok(aVideo) })
		defer stop()
		c := client(func(c *vod.Config) {
			c.Credentials = func(context.Context) (string, string, string, error) { return "", "", "", video.ErrThrottled }
		})
		_, err := c.Video(t.Context(), "v")
		require.ErrorIs(t, err, video.ErrThrottled)
		require.NotErrorIs(t, err, video.ErrForbidden)
	})
	_, err := vod.Assume(vod.Role{}, vod.Static("a", "b", ""))
	require.ErrorContains(t, err, "role: missing")
}

func TestProfileFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write(`{"current":"a","profiles":[{"name":"a","mode":"AK","access_key_id":"id","access_key_secret":"` + testSecret + `"},
		{"name":"s","mode":"StsToken","access_key_id":"id2","access_key_secret":"x","sts_token":"` + testToken + `"},
		{"name":"r","mode":"RamRoleArn","access_key_id":"id3","access_key_secret":"x","ram_role_arn":"acs:ram::1:role/r"},
		{"name":"o","mode":"OAuth","access_key_id":"id4","access_key_secret":"` + testSecret + `"},{"name":"e","mode":"AK"}]}`)
	credentials, err := vod.Profile(path, "")
	require.NoError(t, err)
	id, secret, token, err := credentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"id", testSecret, ""}, []string{id, secret, token})
	credentials, err = vod.Profile(path, "s")
	require.NoError(t, err)
	_, _, token, _ = credentials(t.Context())
	require.Equal(t, testToken, token)
	_, err = vod.Profile(path, "r")
	require.NoError(t, err)
	for name, says := range map[string]string{"o": `mode "OAuth"`, "e": "no keys", "none": `no profile "none"`} {
		_, err = vod.Profile(path, name)
		require.ErrorIs(t, err, video.ErrInvalid)
		require.ErrorContains(t, err, says)
		noSecret(t, err.Error())
	}
	write(`{"profiles":"` + testSecret + `"`)
	_, err = vod.Profile(path, "")
	require.ErrorIs(t, err, video.ErrInvalid)
	noSecret(t, err.Error())
	_, err = vod.Profile(path+"x", "")
	require.ErrorIs(t, err, os.ErrNotExist)
}
