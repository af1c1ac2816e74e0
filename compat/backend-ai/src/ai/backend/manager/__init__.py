"""The import path `ai.backend.manager`, answered by Tenantry."""
