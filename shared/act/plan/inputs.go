package plan

import "vodcurator/shared/decide/retention"

// checkInputs says why nothing may be planned with these inputs.
func checkInputs(p *retention.Policy, in retention.Moment) error {
	if c, ok := any(p).(interface {
		CheckInputs(in retention.Moment) error
	}); ok {
		return c.CheckInputs(in)
	}
	return nil
}

// warnings says what of the policy may surprise its owner, and which of its
// protections protect nothing in the whole library.
func warnings(p *retention.Policy, t *retention.Tally, in retention.Moment) (all []string) {
	if c, ok := any(p).(interface{ Warnings() []string }); ok {
		all = append(all, c.Warnings()...)
	}
	if c, ok := any(p).(interface {
		Unused(t *retention.Tally, in retention.Moment) []string
	}); ok {
		all = append(all, c.Unused(t, in)...)
	}
	return all
}
