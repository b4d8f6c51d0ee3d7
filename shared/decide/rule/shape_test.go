package rule_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

func askedOf(t *testing.T, text string, f rule.Facts) bool {
	t.Helper()
	p, err := rule.Compile(text)
	require.NoError(t, err, text)
	_, asked, err := rule.Quick(p, &f)
	require.True(t, !asked || err == nil, text)
	interpreted(t, text, f) // both answer alike
	return asked
}

// The machine of the expression language is fast and knows no unknown: it is asked where
// nothing is unknown, can fail or can grow, and only there.
func TestTheMachineIsAskedWhereItAnswersAlike(t *testing.T) {
	for text, want := range map[string]bool{
		`title == "x"`:                                      true,
		`title != "x" && size < 3 || size > 4`:              true,
		`size <= 3 or size >= 4 and duration > 1.5`:         true,
		`"new" in tags`:                                     true,
		`"cat" in labels`:                                   true,
		`title in ["a", "b"]`:                               true,
		`size in [1, 2.5]`:                                  true,
		`title in [title]`:                                  false,
		`title in ["a", title]`:                             false,
		`size in [1, "a"]`:                                  false,
		`size in ["a", 1]`:                                  false,
		`title in []`:                                       false,
		`title in split(title, " ")`:                        false,
		`size in 1..3`:                                      false,
		`any(tags, # == "x")`:                               true,
		`all(tags, # != "x")`:                               true,
		`any(labels, # startsWith "x")`:                     true,
		`all(streams, .height > 1 and .job != "x")`:         true,
		`one(streams, .encrypted)`:                          true,
		`none(streams, not .encrypted)`:                     true,
		`count(tags, # == "x") > 1`:                         true,
		`any(streams, # == #)`:                              false,
		`any(streams, any(tags, # == "x"))`:                 false,
		`any(tags, all(streams, .height > 1))`:              false,
		`any(tags, # == "x") and any(streams, .height > 1)`: true,
		`any(tags[0:], # == "x")`:                           false,
		`any(["a"], # == title)`:                            false,
		`any(tags, # in split(title, " "))`:                 false,
		`count([source_gone]) == 1`:                         false,
		`sum(streams, .size) > 1`:                           false,
		`len(tags) == 1`:                                    true,
		`len(streams) == len(labels)`:                       true,
		`len(title) == 3`:                                   true,
		`len(split(title, " ")) == 3`:                       false,
		`lower(title) == upper(codec)`:                      true,
		`trim(title) == "x"`:                                true,
		`trim(title, tags[0]) == "x"`:                       false,
		`mentions(title, "x", codec)`:                       true,
		`has_word(title, "x")`:                              true,
		`mentions(title, tags[0])`:                          false,
		`now - uploaded > days(30)`:                         true,
		`modified - uploaded > days(1) `:                    true,
		`uploaded - modified < now - uploaded`:              true,
		`now - uploaded > days(duration)`:                   false,
		`now - date("2026-01-01") > days(3)`:                false,
		`date("2026-01-01") - now < days(3)`:                false,
		`uploaded < date("2026-01-31")`:                     true,
		`uploaded < date(title)`:                            false,
		`uploaded + days(1) < now`:                          false,
		`size - 1 > 3`:                                      false,
		`size + 1 > 3`:                                      false,
		`1 + 2 < size`:                                      true,
		`size > 2 * 3 - 1`:                                  true,
		`size > 7 % 2 and duration > 6 / 4 and size > 2 ** 3 and size > 2 ^ 3`: true,
		`size > -1`:            true,
		`-size < 1`:            false,
		`not source_gone`:      true,
		`!source_gone`:         true,
		`not (tags[0] == "x")`: false,
		`title matches "^a" or title contains "b"`:   true,
		`title startsWith "b" or title endsWith "b"`: true,
		`title + "x" contains "b"`:                   false,
		`title contains title + "x"`:                 false,
		`source_gone ? title == "a" : size > 1`:      true,
		`tags[0] == "a" ? true : source_gone`:        false,
		`source_gone ? tags[0] == "a" : true`:        false,
		`source_gone ? true : tags[0] == "a"`:        false,
		`let x = size; x > 3`:                        true,
		`let x = tags; len(x) > 3`:                   false,
		`let x = tags[0]; size > 3`:                  false,
		`let x = size; tags[0] == "x"`:               false,
		`tags[0] == "x"`:                             false,
		`tags == labels`:                             false,
		`title == (codec ?? "a")`:                    false,
		`title == string(size)`:                      false,
		`int(duration) == 1`:                         false,
		`streams[0].height > 1`:                      false,
		`any(streams, streams[0].height > 1)`:        false,
		`size > (source_gone ? 3 : 4) + 1`:           false,
		`min(size, 3) == 3`:                          false,
		`size > (1 > 0 ? 3 : 4)`:                     true,
	} {
		require.Equal(t, want, askedOf(t, text, fullFacts()), text)
	}
}

func TestTheMachineIsNotAskedOfWhatIsUnknown(t *testing.T) {
	untagged, unlabelled, without := fullFacts(), fullFacts(), fullFacts()
	untagged.Tags, unlabelled.Labels, without.Streams = nil, nil, nil
	sound := rule.FactsOf(video.Media{Video: video.Video{ID: "a1", Kind: video.KindAudio}, Streams: []video.Stream{{Job: "j"}}}, at)
	for _, c := range []struct {
		text string
		f    rule.Facts
		want bool
	}{
		{`duration > 1`, told(), false},
		{`height > 1`, told(), true},
		{`height > 1`, sound, false},
		{`any(streams, .height > 1)`, told(), false},
		{`any(streams, .height > 1)`, sound, false},
		{`any(streams, .definition == "LD")`, told(), true},
		{`any(streams, .job == "j")`, sound, true},
		{`any(streams, .job == "j")`, without, false},
		{`none(streams, .job == "j")`, without, false},
		{`count(streams, .job == "j") == 0`, without, false},
		{`len(streams) == 0`, without, true},
		{`all(tags, # == "x")`, without, true},
		{`all(labels, # == "x")`, without, true},
		{`all(tags, # == "x")`, untagged, false},
		{`any(tags, # == "x")`, untagged, true},
		{`all(labels, # == "x")`, untagged, true},
		{`all(streams, .height > 1)`, untagged, true},
		{`all(labels, # == "x")`, unlabelled, false},
		{`any(labels, # == "x")`, unlabelled, true},
		{`all(tags, # == "x")`, unlabelled, true},
		{`all(streams, .height > 1)`, unlabelled, true},
	} {
		require.Equal(t, c.want, askedOf(t, c.text, c.f), c.text)
	}
}
