package vod_test

import (
	"context"
	"errors"
	"fmt"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// The local cloud stands for an account here; for a real one leave Endpoint empty.
func Example() {
	ctx := context.Background()
	cloud, err := localcloud.Start(ctx, localcloud.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cloud.Close()
	ids := cloud.VOD.Seed(fakevod.Asset{Title: "Holidays", Tags: "draft"})
	env := cloud.Env()

	client, err := vod.New(vod.Config{
		Region: "cn-shanghai", Endpoint: env["VOD_ENDPOINT"],
		Credentials: vod.Static(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], ""),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	title := "Holidays by the sea"
	outcomes, err := client.Update(ctx, []video.Update{
		{ID: video.ID(ids[0]), Fields: video.Fields{Title: &title}, Tags: &[]string{"sea", "2026"}},
		{ID: "no-such-video", Fields: video.Fields{Title: &title}},
	})
	fmt.Println(outcomes[0].Result, outcomes[1].Result, err)

	v, err := client.Video(ctx, video.ID(ids[0]))
	fmt.Println(v.Title, v.Tags, err)

	_, err = client.Video(ctx, "no-such-video")
	fmt.Println(errors.Is(err, video.ErrNotFound))
	// Output:
	// done missing <nil>
	// Holidays by the sea [sea 2026] <nil>
	// true
}
