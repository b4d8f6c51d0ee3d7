package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// examples are the commands as a person types them. The help text of a command has those
// that begin with its path.
var examples = []string{
	`vodctl status`,
	`vodctl status -o json`,
	`vodctl history 0a1b2c3d4e5f60718293a4b5c6d7e8f9`,
	`vodctl history 0a1b2c3d4e5f60718293a4b5c6d7e8f9 -o json`,
	`vodctl console`,
	`vodctl console --listen 127.0.0.1:8080 --library library.jsonl`,
	`vodctl rules check rules.yaml`,
	`vodctl rules test rules.yaml`,
	`vodctl rules versions`,
	`vodctl rules activate rules.yaml --note "for the new season"`,
	`vodctl rules activate 3`,
	`vodctl rules show facts`,
	`vodctl rules explain 0a1b2c3d4e5f60718293a4b5c6d7e8f9`,
	`vodctl retag --rules rules.yaml --from 2026-01-01`,
	`vodctl retag --rules rules.yaml --yes`,
	`vodctl policy check policy.yaml`,
	`vodctl policy versions`,
	`vodctl policy activate policy.yaml`,
	`vodctl policy show default`,
	`vodctl policy import console console.txt`,
	`vodctl plan list`,
	`vodctl plan show`,
	`vodctl plan show 20260301T020000Z-0a1b2c3d -o csv`,
	`vodctl plan explain 0a1b2c3d4e5f60718293a4b5c6d7e8f9`,
	`vodctl plan explain 0a1b2c3d4e5f60718293a4b5c6d7e8f9 --plan 20260301T020000Z-0a1b2c3d -o json`,
	`vodctl plan what-if --library library.jsonl --at 2026-12-31 --holds holds.txt`,
	`vodctl plan what-if --library library.jsonl --diff policy.yaml`,
	`vodctl approve 20260301T020000Z-0a1b2c3d --note "checked with the editors"`,
	`vodctl approve 20260301T020000Z-0a1b2c3d --first 500`,
	`vodctl approve 20260301T020000Z-0a1b2c3d --withdraw`,
	`vodctl halt --reason "wrong policy rolled out"`,
	`vodctl resume --reason "the policy is right again"`,
	`vodctl pending`,
	`vodctl ledger verify`,
	`vodctl ledger verify --full --checkpoint`,
	`vodctl ledger report -o json`,
	`vodctl ledger reconcile`,
	`vodctl takedown 0a1b2c3d4e5f60718293a4b5c6d7e8f9 --reason "court order 12/34"`,
	`vodctl expire 0a1b2c3d4e5f60718293a4b5c6d7e8f9 --on 2026-12-31`,
	`vodctl expire 0a1b2c3d4e5f60718293a4b5c6d7e8f9 --clear --yes`,
	`vodctl library summary --by category,status`,
	`vodctl library summary --library library.jsonl --policy policy.yaml`,
	`vodctl library find "height > 1080 and age_days > 180"`,
	`vodctl library find "len(tags) == 0" --ids`,
	`vodctl library problems`,
	`vodctl library problems --only duplicate --ids`,
	`vodctl media get-video-info 0a1b2c3d4e5f60718293a4b5c6d7e8f9 -o json`,
	`vodctl media search-media --tag news --status Normal`,
	`vodctl snapshot library.jsonl`,
	`vodctl snapshot library.jsonl --refresh`,
	`vodctl usage --days 180 --into usage.csv`,
	`vodctl edit "age_days > 365" --add archive --remove fresh`,
	`vodctl edit --csv changes.csv --yes`,
	`vodctl tags list`,
	`vodctl tags rename draft sketch`,
	`vodctl tags merge News NEWS --into news --yes`,
	`vodctl tags remove tmp`,
	`vodctl queue send changes.jsonl --yes`,
	`vodctl queue send --csv changes.csv`,
	`vodctl queue send --csv thousands.csv --bulk --yes`,
	`vodctl queue peek --limit 5`,
	`vodctl queue stats`,
	`vodctl dlq list --reason forbidden`,
	`vodctl dlq show 5F290C926D472878-2-14D9529A8FA-200000001`,
	`vodctl dlq edit 5F290C926D472878-2-14D9529A8FA-200000001 --body body.json --yes`,
	`vodctl dlq redrive --since 2026-03-01T00:00:00Z --yes`,
	`vodctl dlq drop --matching "not a message" --reason "sent by a test" --yes`,
	`vodctl undo`,
	`vodctl undo sweep-20260301T020000Z --yes`,
	`vodctl undo --issued-at 2026-03-01T02:00:00.123Z`,
	`vodctl state check`,
	`vodctl state compact --older 90 --yes`,
	`vodctl state expire --rules`,
	`vodctl state expire --yes`,
	`vodctl doctor`,
	`vodctl doctor --wrong`,
	`vodctl metrics`,
	`vodctl metrics --log functions.jsonl`,
	`vodctl setup --plan`,
	`vodctl setup --apply`,
	`vodctl setup --manifest s.yaml`,
}

// exemplify gives every command below root its examples.
func exemplify(cmd *cobra.Command) {
	var own []string
	for _, example := range examples {
		if !cmd.HasSubCommands() && strings.HasPrefix(example+" ", cmd.CommandPath()+" ") {
			own = append(own, "  "+example)
		}
	}
	cmd.Example = strings.Join(own, "\n")
	for _, sub := range cmd.Commands() {
		exemplify(sub)
	}
}
