import DashboardWithSSE from '@freshet/client/compat/cockpit/DashboardWithSSE';
import { Button, mount, preloadSession } from '@kit';
import { useState } from 'react';
import { ConnectionsPanel } from './connections';
import { HoursDialog, QuestionnaireDialog } from './forms';
import { APP, mayChange, Page, type ContentProps } from './page';
import { AtAGlance, Q2QFeed, SROIPanel, VISPanel } from './widgets';

function Dashboard({ session, company, stale }: ContentProps) {
  const [dialog, setDialog] = useState<'hours' | 'questionnaire' | null>(null);
  const close = () => setDialog(null);
  const widget = { companyId: company.id, stale };
  return (
    <div className="c-dashboard">
      <DashboardWithSSE companyId={company.id}>
        <div className="c-title">
          <h2>
            The last 90 days <span className="k-quiet">and the 90 before</span>
          </h2>
          {mayChange(session) && (
            <div className="k-actions">
              <Button onClick={() => setDialog('questionnaire')}>Add questionnaire</Button>
              <Button kind="main" onClick={() => setDialog('hours')}>
                Log hours
              </Button>
            </div>
          )}
        </div>
        <AtAGlance {...widget} />
        <div className="k-columns c-columns">
          <div className="k-stack">
            <SROIPanel {...widget} />
            {session.admin && <ConnectionsPanel companyId={company.id} />}
          </div>
          <div className="k-stack">
            <VISPanel {...widget} />
            <Q2QFeed {...widget} />
          </div>
        </div>
      </DashboardWithSSE>
      <HoursDialog companyId={company.id} open={dialog === 'hours'} onClose={close} />
      <QuestionnaireDialog companyId={company.id} open={dialog === 'questionnaire'} onClose={close} />
    </div>
  );
}

preloadSession(APP);
mount(
  <Page title="Corporate cockpit" channel="dashboard-updates">
    {(props) => <Dashboard {...props} />}
  </Page>,
);
