"""`audit-assets doctor --probe`: what is assumed of the services and was never seen on one, asked of those connected.

One list of assumptions for each service, each with the function that checks it; the scene of a service is what its
checks share. Reading only in Cloudflare, one marked event in Axiom, one test ticket in Linear. What a contradiction
stops is decided in `defs/steps/first_contact.py`.
"""
