package auth

import (
	"golang.org/x/text/secure/precis"
)

// maxName bounds a user's name, in octets.
const maxName = 512

// CanonicalName returns the form under which a user's name is to be stored: width and case
// mapped, normalised (the UsernameCaseMapped profile of RFC 8265 §3.3). Names with a domain,
// ann@example.org, are names like others. ErrName when no name may look so.
func CanonicalName(name string) (string, error) {
	if name == "" || len(name) > maxName {
		return "", ErrName
	}
	canonical, err := precis.UsernameCaseMapped.String(name)
	if err != nil {
		return "", ErrName
	}
	return canonical, nil
}
