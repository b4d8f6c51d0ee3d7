package removal

import "vodcurator/shared/state"

// IncidentCode is state.IncidentCode.
type IncidentCode = state.IncidentCode

// The kinds of incidents.
const (
	IncidentHalted       IncidentCode = "halted"        // removal is halted, or whether it is cannot be told
	IncidentOverGuards   IncidentCode = "over-guards"   // a plan is over a guard
	IncidentCorrupt      IncidentCode = "corrupt-plan"  // an object of a plan or of progress cannot be read as it was written
	IncidentRefused      IncidentCode = "refused"       // a plan will not be applied as it is, for another reason
	IncidentStopped      IncidentCode = "stopped"       // the rest of a plan waits for the next run
	IncidentBusy         IncidentCode = "lease-busy"    // another run was at work
	IncidentNotRefreshed IncidentCode = "not-refreshed" // the CDN may still serve what was removed
	IncidentAside        IncidentCode = "aside"         // assets that cannot go were set aside
	IncidentErrors       IncidentCode = "errors"        // too many items failed
	IncidentFailed       IncidentCode = "failed"        // items failed, are forbidden, or their outcome is unknown
	IncidentNoRun        IncidentCode = "no-run"        // a run did not happen or failed as a whole
	IncidentTick         IncidentCode = "tick-refused"  // a tick lies too far from the function's clock
	IncidentMissed       IncidentCode = "missed"        // nights without a plan
	IncidentSlow         IncidentCode = "slow"          // planning takes more than a night
	IncidentUnread       IncidentCode = "unread"        // assets that could not be read
	IncidentAnew         IncidentCode = "anew"          // something was lost and starts anew
	IncidentLeaving      IncidentCode = "leaving"       // items in their grace go soon
	IncidentIdle         IncidentCode = "not-taken-up"  // no run has taken an approved plan up
	IncidentInputs       IncidentCode = "inputs"        // an input of the policy is missing, or protects nothing
	IncidentState        IncidentCode = "state"         // what lies under STATE could not be kept small
)
