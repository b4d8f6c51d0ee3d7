package rule_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule"
)

// faultsOf are the faults of an expression, each as line:column: message [hint].
func faultsOf(t *testing.T, text string) []string {
	t.Helper()
	_, err := rule.Compile(text)
	if err == nil {
		return nil
	}
	all := []error{err}
	if many, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the joined ones themselves are wanted
		all = many.Unwrap()
	}
	var told []string
	for _, one := range all {
		var e *rule.ExprError
		require.ErrorAs(t, one, &e, text)
		line := e.Error()
		if e.Hint != "" {
			line += " [" + e.Hint + "]"
		}
		told = append(told, line)
	}
	return told
}

func TestAMistakeInAnExpressionHasItsPlaceAndItsHint(t *testing.T) {
	for text, want := range map[string][]string{
		"":           {"1:1: an empty expression [write true for a rule that always holds]"},
		"title > 5":  {"1:7: invalid operation: > (mismatched types string and int) [title is a text (the title)]"},
		"duration":   {"1:1: not yes or no, but float64 [compare it with something: duration > 30]"},
		"title = x":  {`1:7: unexpected token Operator("=") [compare with ==]`},
		"title ==":   {"1:8: unexpected token EOF [something is missing at the end; in YAML a # behind a blank begins a comment, so put the expression in quotes]"},
		"title.x()":  {"1:7: only functions can be called"},
		"foo(title)": {"1:1: foo is not a function here [known: all, any, none, one, filter, map, count, sum, len, min, max, abs, ceil, floor, round, int, float, string, trim, upper, lower, split, days, date, mentions, has_word]"},
		`mention(title, "x") and date("2026-13-01") < now`: {
			"1:1: mention is not a function here [did you mean mentions?]", `1:30: "2026-13-01" is not a day [write it as 2026-01-31]`,
		},
		`date("x", title) == uploaded`: {"1:1: too many arguments to call date [title is a text (the title); uploaded is a time (when it was created)]"},
		"title == 'x' and\n  titel == 'é' and durasion > 1": {
			"2:3: unknown name titel [did you mean title?]", "2:20: unknown name durasion [did you mean duration?]",
		},
		"let x = 1; titel == 'x' and durasion > x": {
			"1:12: unknown name titel [did you mean title?]", "1:29: unknown name durasion [did you mean duration?]",
		},
		"(let titles = 1; titles > 0) and titles > 0": {"1:34: unknown name titles [did you mean title?]"},
		`kind == "vidio"`:                        {`1:9: kind is never "vidio" [did you mean video?]`},
		`"vidio" != kind`:                        {`1:1: kind is never "vidio" [did you mean video?]`},
		`kind in ["video", "sound"]`:             {`1:19: kind is never "sound" [known: video, audio, image]`},
		`orientation == "upright" and size > 1`:  {`1:16: orientation is never "upright" [known: landscape, portrait, square]`},
		`orientation == "" and kind == title`:    nil,
		`title matches "("`:                      {"1:15: missing closing ): `(` [patterns are RE2: no look-ahead, no back references]"},
		`title matches file_name`:                {`1:15: a pattern must be written out [title matches "^draft"]`},
		`any([0], 1 / # > 0)`:                    {"1:1: cannot be true [compare with a fact of the asset, such as title or duration]"},
		`any(1..3, [1][#] > 5)`:                  {"1:1: cannot be evaluated: index out of range: 1 (array length is 1)"},
		`1 == 2`:                                 {"1:1: cannot be true [compare with a fact of the asset, such as title or duration]"},
		`1 / 0 > 2`:                              {"1:7: cannot be computed: division by zero"},
		`size > (1 > 2 ? 1 / 0 : 3)`:             nil,
		`all([1], # > 0)`:                        nil,
		`size > 1 / 0 and size < 3 / 0`:          {"1:10: cannot be computed: division by zero"},
		`size / (1 - 1) > 1`:                     {"1:11: cannot be computed: division by zero"},
		`size % (1.0 - 1) > 1 and 1 / 0 > size`:  {"1:6: invalid operation: % (mismatched types int and float64) [size is a number (bytes of the source file)]"},
		`size > min(filter([1], false))`:         nil,
		`size > ["a"][1 - 1]`:                    {"1:6: invalid operation: > (mismatched types int and string) [size is a number (bytes of the source file)]"},
		`size > int("x")`:                        {"1:8: cannot be computed: invalid operation: int(x)"},
		`size > (1 > 0 ? abs(-9.5) : 1)`:         nil,
		`title == string([1 / 0])`:               {"1:10: cannot be computed: division by zero"},
		`not (title == "x") and not (1 / 0 > 2)`: {"1:24: cannot be computed: division by zero"},
	} {
		t.Run(text, func(t *testing.T) { require.Equal(t, want, faultsOf(t, text)) })
	}
}

func TestOfManyMistakesTwentyAreTold(t *testing.T) {
	for n, want := range map[int]int{19: 19, 20: 20, 21: 20, 40: 20} {
		require.Len(t, faultsOf(t, strings.Repeat("abcx or ", n)+"title == 'x'"), want)
	}
}

func TestConditionsThatCannotHoldTogetherAreRefused(t *testing.T) {
	number, below := "cannot be true: no duration fits all these conditions", "cannot be true: duration is never below 0"
	for text, want := range map[string]string{
		`duration > 3 and duration < 3`:                        number,
		`duration > 3 and duration <= 3`:                       number,
		`duration >= 3 and duration < 3`:                       number,
		`duration >= 3 and duration <= 3`:                      "",
		`duration > 3 and duration < 4`:                        "",
		`duration == 3 and duration > 3`:                       number,
		`duration > 3 and 3 == duration`:                       number,
		`3 < duration and 2 >= duration`:                       number,
		`3 <= duration and 3 > duration`:                       number,
		`3 > duration and duration > 2`:                        "",
		`duration > 5 and duration >= 5 and duration <= 5`:     number,
		`duration >= 5 and duration > 5 and duration <= 5`:     number,
		`duration < 5 and duration <= 5 and duration >= 5`:     number,
		`duration <= 5 and duration < 5 and duration >= 5`:     number,
		`duration >= 5 and duration > 4 and duration <= 5`:     "",
		`duration <= 5 and duration < 6 and duration >= 5`:     "",
		`duration > 5 and duration > 4 and duration < 4.5`:     number,
		`duration < 4 and duration < 5 and duration > 4.5`:     number,
		`(duration > 5 and size > 1) && duration < 5`:          number,
		`duration > 5 or duration < 5`:                         "",
		`not (duration > 5) and duration > 6`:                  "",
		`duration > 5 and (duration < 5 or size > 1)`:          "",
		`duration > 5 and size < 5`:                            "",
		`duration > +5 and duration < 5.0`:                     number,
		`duration != 5 and duration == 5`:                      "",
		`duration < 0`:                                         below,
		`duration <= 0`:                                        "",
		`duration < 1`:                                         "",
		`duration > 3 and duration == -size`:                   "",
		`duration > 3 and duration == +size`:                   "",
		`duration == -1`:                                       below,
		`duration <= -0.5`:                                     below,
		`duration > -1`:                                        "",
		`duration < 0 and duration > 3`:                        below,
		`kind == "video" and kind == "audio"`:                  `kind cannot be "video" and "audio" at once [join them with or, or ask: in [..]]`,
		`"video" == kind and "audio" == kind`:                  `kind cannot be "video" and "audio" at once [join them with or, or ask: in [..]]`,
		`kind == "video" and kind == "video"`:                  "",
		`kind != "video" and kind == "audio"`:                  "",
		`kind == "video" and kind != "audio"`:                  "",
		`kind == "video" and title == "audio"`:                 "",
		`kind == "video" and kind == "audio" and 1 > duration`: `kind cannot be "video" and "audio" at once [join them with or, or ask: in [..]]`,
		`size < 1 and kind == "a" + "b"`:                       "",
		`let x = 1; x > 3 and x < 2 and size > 1`:              "",
	} {
		if got := faultsOf(t, text); want == "" {
			require.Empty(t, got, text)
		} else {
			require.Len(t, got, 1, text)
			require.Contains(t, got[0], ": "+want, text)
		}
	}
	require.Equal(t, []string{"1:27: " + number}, faultsOf(t, `duration > 3 and duration < 3`), "the place is where it becomes impossible")
}

func TestEveryFunctionIsListed(t *testing.T) {
	all := strings.Join(rule.Functions(), "\n")
	for _, name := range []string{"days(30)", `date("2026-01-31")`, "mentions(title", "has_word(title", "\nall\n", "\nsplit"} {
		require.Contains(t, all, name)
	}
	require.Len(t, rule.Functions(), 26)
}

// An error of the expression language is told in one line, without its excerpt.
func TestAnErrorOfTheLanguageIsOneLine(t *testing.T) {
	p, err := rule.Compile(`tags[7] == "x"`)
	require.NoError(t, err)
	f := fullFacts()
	_, asked, err := rule.Quick(p, &f)
	require.False(t, asked)
	require.EqualError(t, err, "index out of range: 7 (array length is 1)")
}

// compileAll compiles the condition of each row, and says how many programs there are.
func compileAll(f *rule.File, rows []row) (programs int) {
	for i, r := range rows {
		if f.Compile(fmt.Sprintf("$.rows[%d].when", i), r.When) != nil {
			programs++
		}
	}
	return programs
}

func TestAFileHoldsSoManyConditionsAndNoMore(t *testing.T) {
	for name, c := range map[string]struct {
		when     string
		n, after int
		message  string
	}{
		"conditions":                   {`true`, 4005, 4000, "more than 4000 conditions in one file"},
		"patterns of 2,000 steps each": {`title matches "a{1000}"`, 55, 50, "the patterns of this file have more than 100000 steps together"},
	} {
		t.Run(name, func(t *testing.T) {
			var s shelf
			f := rule.Decode("f.yaml", []byte("rows:\n"+strings.Repeat("  - when: "+c.when+"\n", c.n)), &s)
			programs := compileAll(f, s.Rows)
			faults := rule.Faults(f.Err())
			require.Len(t, faults, 1)
			require.Equal(t, c.after+2, faults[0].Line, "the first that is one too many")
			require.Equal(t, c.message, faults[0].Message)
			require.Equal(t, c.after+1, programs)
		})
	}
}

func TestAFileWithAHundredMistakesIsCompiledNoFurther(t *testing.T) {
	for n, want := range map[int]int{99: 100, 100: 100, 101: 101, 150: 101} {
		var s shelf
		f := rule.Decode("f.yaml", []byte("rows:\n"+strings.Repeat("  - whan: x\n", n)+"  - when: titel == 'x'\n"), &s)
		compileAll(f, s.Rows[n:])
		faults := rule.Faults(f.Err())
		require.Len(t, faults, want)
		require.Equal(t, n == 99, strings.Contains(f.Err().Error(), "titel"))
		require.Equal(t, n > 100, strings.Contains(f.Err().Error(), "there are more mistakes"))
	}
}

// A condition that is missing because of a mistake that is told is not told again.
func TestAMissingConditionIsToldOnce(t *testing.T) {
	var s shelf
	f := rule.Decode("f.yaml", []byte("rows:\n  - when: [a]\n  - when: ''\n  - when: titel > 1\n"), &s)
	require.Zero(t, compileAll(f, s.Rows))
	require.Nil(t, f.Compile("$.rows[2].when", "durasion > 1"), "another mistake in one place")
	var got []string
	for _, fault := range rule.Faults(f.Err()) {
		got = append(got, fmt.Sprint(fault.Line, " ", fault.Message))
	}
	require.Equal(t, []string{"2 when is a list, want a text", "3 when: an empty expression", "4 when: unknown name titel", "4 when: unknown name durasion"}, got)
}

func TestFaultsAreThoseOfAFile(t *testing.T) {
	require.Empty(t, rule.Faults(nil))
	require.Empty(t, rule.Faults(errors.New("another")))
	var s shelf
	one := rule.Decode("f.yaml", nil, &s).Err()
	require.Len(t, rule.Faults(fmt.Errorf("read: %w", one)), 1)
	require.Len(t, rule.Faults(errors.Join(one, one, errors.New("another"))), 2)
}
