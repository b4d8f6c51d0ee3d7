package tagging_test

import (
	"fmt"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/video"
)

func Example() {
	media := video.Media{
		Video:  video.Video{ID: "a1", Title: "Harbour promo", Tags: []string{"harbour", "portrait"}},
		Source: &video.Source{Duration: 12 * time.Second, Width: 1920, Height: 1080},
	}
	facts := rule.FactsOf(media, time.Date(2026, 6, 21, 8, 0, 0, 0, time.UTC))
	decision := tagging.Default().Decide(&facts)
	for _, reason := range decision.Reasons {
		fmt.Println(reason)
	}
	fmt.Println(decision.Change.Tags.Apply(media.Tags))
	// Output:
	// add tags "promo": rule "promo" holds
	// add tags "landscape": rule "landscape" holds
	// add tags "hd": rule "hd" holds
	// add tags "short": rule "short" holds
	// remove tags "portrait": no rule produces it any more, and it is a tag of: portrait
	// [harbour promo landscape hd short]
}
