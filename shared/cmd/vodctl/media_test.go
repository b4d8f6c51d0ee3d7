package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakevod"
)

func TestAnAddressIsShownWithoutWhatSignsIt(t *testing.T) {
	const hash = "0123456789abcdef0123456789abcdef"
	for address, want := range map[string]string{
		"https://cdn.example/a/b.mp4":                                                  "https://cdn.example/a/b.mp4",
		"https://cdn.example/a/b.mp4?auth_key=1700-0-0-" + hash:                        "https://cdn.example/a/b.mp4?(left out)",
		"https://b.oss.example/b.mp4?Expires=1&OSSAccessKeyId=LTAI&Signature=secret#x": "https://b.oss.example/b.mp4?(left out)",
		"http://cdn.example/202611280600/" + hash + "/a/b.mp4":                         "http://cdn.example/(left out)/a/b.mp4",
		"http://cdn.example/" + hash + "/6a0b1c2d/a/b.mp4":                             "http://cdn.example/(left out)/a/b.mp4",
		"http://cdn.example/" + hash + "/covers/b.jpg":                                 "http://cdn.example/" + hash + "/covers/b.jpg",
		"https://user:secret@cdn.example/b.mp4":                                        "https://cdn.example/b.mp4",
		"://secret":                                                                    "(left out)",
	} {
		require.Equal(t, want, unsigned(address))
	}
}

func TestMediaAsksVODAndWritesNothing(t *testing.T) {
	c := mixed(t)
	id := c.VOD.Seed(fakevod.Asset{Kind: "video", Title: "one", Tags: "a,b", Status: "Normal", CoverURL: "https://cdn.example/c.jpg?auth_key=secret", Created: c.Now(), Modified: c.Now(),
		Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Media: fakevod.Media{Duration: 4.5, Width: 640, Height: 360}}})[0]
	var image string
	for _, a := range c.VOD.Assets() {
		if a.Kind == "image" {
			image = a.ID
		}
	}
	for operation, want := range map[string]string{
		"get-video-info " + id: `"title": "one"`, "GetVideoInfos " + id: `"title": "one"`, "get-mezzanine-info " + id: `"width": 640`, "get-image-info " + image: `"title": "still`,
		"search-media --title one": `"title": "one"`, "get-video-list --limit 0": `"title": "lesson"`, "search-media --kind image": `"still 7"`,
	} {
		before := len(c.VOD.Calls())
		code, out, errs := vodctl(t, c.Env(), append([]string{"media"}, append(strings.Fields(operation), "-o", "json")...)...)
		require.Zero(t, code, "%s: %s", operation, errs)
		require.Contains(t, strings.ReplaceAll(out, `":"`, `": "`), want, operation)
		require.True(t, json.Valid([]byte(out)), out)
		require.NotContains(t, out, "secret")
		calls := c.VOD.Calls()[before:]
		require.Len(t, calls, 1, operation)
	}
	code, out, errs := vodctl(t, c.Env(), "media", "get-video-info", id, "nope", id)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "nope: ")
	require.Equal(t, 2, strings.Count(out, "https://cdn.example/c.jpg?(left out)"), "the others are shown")
	require.NotContains(t, out, "\n\n")
	require.Regexp(t, id+` +tags +\["a","b"\]`, out)
	code, out, errs = vodctl(t, c.Env(), "media", "search-media", "--limit", "3")
	require.Zero(t, code)
	require.Equal(t, 5, strings.Count(out, "\n"))
	require.Contains(t, errs, "there are more than 3: --limit 0 lists all")

	before := len(c.VOD.Calls())
	for operation, want := range map[string]string{
		"update-video-info " + id: "vodctl edit", "UpdateVideoInfos " + id: "vodctl edit", "update-image-infos " + id: "vodctl edit", "delete-video " + id: "vodctl takedown", "DeleteStream " + id: "vodctl plan",
		"delete-mezzanines " + id: "vodctl plan", "delete-image " + id: "vodctl plan", "get-vidoe-info " + id: "did you mean get-video-info?", "get-video-info": "take ids", "search-media " + id: "no ids", "search-media --kind all": "want video",
	} {
		code, out, errs := vodctl(t, c.Env(), append([]string{"media"}, strings.Fields(operation)...)...)
		require.Equal(t, 2, code, operation)
		require.Empty(t, out)
		require.Contains(t, errs, want)
	}
	require.Len(t, c.VOD.Calls(), before, "what is refused asks nothing")
}
