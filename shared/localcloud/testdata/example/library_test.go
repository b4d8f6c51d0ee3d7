package main

import (
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// The program itself.
func Example() {
	main()
	// Output: Harbour <nil>
}

// A test of somebody's own: one cloud for all its cases, put back between them.
func TestRetitle(t *testing.T) {
	cloud := localcloud.RunT(t, localcloud.Options{})
	env := cloud.Env()
	client, err := vod.NewClientWithAccessKey("cn-shanghai", env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"])
	if err != nil {
		t.Fatal(err)
	}
	client.Domain = strings.TrimPrefix(env["VOD_ENDPOINT"], "http://")
	for _, title := range []string{"Harbour", "Baker"} {
		id := cloud.VOD.Seed(fakevod.Asset{Title: "old", Created: time.Now()})[0]
		change := vod.CreateUpdateVideoInfoRequest()
		change.VideoId, change.Title = id, title
		if _, err := client.UpdateVideoInfo(change); err != nil {
			t.Fatal(err)
		}
		if a, _ := cloud.VOD.Lookup(id); a.Title != title {
			t.Errorf("title %q, want %q", a.Title, title)
		}
		if err := cloud.Reset(); err != nil {
			t.Fatal(err)
		}
		if n := cloud.VOD.Len(); n != 0 {
			t.Errorf("%d assets after a reset", n)
		}
	}
}
