"""Enforcement of IAM: callers of AWS's APIs, and the permissions of their roles.

Functions and state machines call AWS's APIs as sessions of their roles. A call of such a session is rejected here as on
AWS, in AWS's words. So a missing permission, which no plan shows, is found before the deployment to AWS.

- `sessions`: the sessions that functions and state machines get.
- `calls`: which action a request asks for, on which resource; `needs` and `s3_needs` know the services.
- `permissions`: what a role allows, by its own policies and by those of the resource that name it.
- `refusals`: how AWS says no, in the form of each protocol.
- `enforcement`: all of that for one request.

What counts and what does not: the identity policies of the role (with its boundary and the policy of the session), to allow
and to deny; the policy of a resource only where it *allows* the role by its name, as AWS then needs no identity policy. To
assume a role, its trust policy must allow it and not deny it. Denials in policies of other resources are ignored: they
require what does not exist here, TLS above all, and would reject what AWS allows. A condition whose key cannot be read off
the request counts as fulfilled in a statement that allows, and not in one that denies.

Never checked: the root user's keys (`local`, `test`), keys of users, unknown keys, sessions of a role that
does not exist here, and requests without a signature.
"""
